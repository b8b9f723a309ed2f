/**
 * Seeded, splittable randomness. An `Rng` is always an argument, never a global, and is split by name rather
 * than shared, so that adding a draw in one place leaves every other place's numbers as they were.
 */
export interface Rng {
  /** A generator that depends only on this one's key and the given names, not on what was drawn before. */
  split(...names: readonly (string | number)[]): Rng;
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal, or with the given mean and standard deviation. */
  normal(mean?: number, standardDeviation?: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
}

/** 64 bits in two halves: with 32, some of the thousands of branches of a training run would coincide. */
type Key = readonly [number, number];

/** A generator from a seed: sfc32 (Doty-Humphrey, PractRand), keyed by hashing the seed. */
export function rng(seed: number | string): Rng {
  return fromKey(extend([0x9e3779b9, 0x7f4a7c15], String(seed)));
}

function extend([high, low]: Key, text: string): Key {
  return [hash(high, text), hash(Math.imul(low, 0x9e3779b1) ^ high, text)];
}

/** FNV-1a over the UTF-16 units, finished with the murmur3 avalanche. */
function hash(key: number, text: string): number {
  let h = (key ^ 0x811c9dc5) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function fromKey(key: Key): Rng {
  let a = key[0] | 0;
  let b = key[1] | 0;
  let c = 0x2545f491;
  let counter = 1;
  let spare: number | undefined;

  const next = (): number => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();

  const uniform = (): number => next() / 4294967296;
  const self: Rng = {
    split: (...names) => fromKey(names.reduce<Key>((k, name) => extend(k, `/${name}`), key)),
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    integer: (bound) => Math.floor(uniform() * bound),
    normal: (mean = 0, standardDeviation = 1) => {
      let z = spare;
      spare = undefined;
      if (z === undefined) {
        const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
        const angle = 2 * Math.PI * uniform();
        z = radius * Math.cos(angle);
        spare = radius * Math.sin(angle);
      }
      return mean + standardDeviation * z;
    },
    chance: (probability) => uniform() < probability,
    shuffle: (items) => {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = self.integer(i + 1);
        [copy[i], copy[j]] = [copy[j]!, copy[i]!];
      }
      return copy;
    },
  };
  return self;
}
