import { fittedOn, type Provenance } from "../../audit/provenance.js";
import type { Judgement } from "../../metrics/classification/scores.js";
import type { TrainingImage } from "../../tasks/classification/batches.js";
import { imagesOf, partsOfFold, type Task, type TrialSetup } from "./data.js";
import { type Bench, type FittedNetwork, fitNetwork, judge, pretrainOn } from "./fit.js";
import { configFor, epochsOf, frameworkOf, type Network, scratch, transfer } from "./plan.js";

/** What a fold's network said of everybody who neither trained it nor chose its weights. */
export interface NetworkResult {
  /** Of AD and CN, of the same cohort and of the shifted one. */
  readonly test: readonly Judgement[];
  readonly external: readonly Judgement[];
  /** Of pMCI and sMCI, after transfer and from random weights; null where that was not trained. */
  readonly mild: readonly Judgement[] | null;
  readonly scratch: readonly Judgement[] | null;
  /** Balanced accuracy at every look at the validation fold of AD and CN. */
  readonly looks: readonly number[];
  /** What was learnt from whom: the subjects that each training was given. */
  readonly provenance: readonly Provenance[];
}

/**
 * Train a network on the training folds of AD and CN, its weights chosen by the fold that is left, go on from it to sMCI
 * and pMCI, and judge both once. The test subjects are seen by nobody before that, except where that is the point.
 */
export async function runNetwork(
  network: Network,
  fold: number,
  setup: TrialSetup,
  bench: Bench,
): Promise<NetworkResult> {
  const { subjects, external, split, extent, seed, configs } = setup;
  const framework = frameworkOf(network);
  const config = configFor(configs, framework, extent);
  const { training, validation } = partsOfFold(split, fold);
  const test = new Set(split.test);
  // Not the network's name: what is compared begins with the same weights and sees the same batches.
  const named = `${seed}/${framework}/${fold}`;
  const taught = (task: Task): Taught => ({
    training: imagesOf(subjects, task, training),
    validation: imagesOf(subjects, task, validation),
  });
  const [pair, mildPair] = [taught("pair"), taught("mild")];
  const own = pair.training;
  const seen = network === "late" ? imagesOf(subjects, "pair") : own;
  const pretrains = network === "pretrained" || network === "late";
  const first = pretrains
    ? await pretrainOn(
        {
          config,
          training: seen,
          seed: named,
          // As many steps whoever is seen: what differs is the subjects alone.
          steps: epochsOf(extent, "autoencoder") * Math.ceil(own.length / config.batch),
        },
        bench,
      )
    : {};
  const fitted = await fitNetwork(
    {
      config,
      ...pair,
      epochs: epochsOf(extent, framework),
      first,
      seed: named,
    },
    bench,
  );
  const mild = (from: FittedNetwork | undefined): Promise<FittedNetwork> =>
    fitNetwork(
      {
        config,
        ...mildPair,
        epochs: epochsOf(extent, framework, from === undefined ? 1 : transfer.epochs),
        ...(from === undefined ? {} : { first: from.weights, rate: transfer.learningRate }),
        seed: `${named}/mild`,
      },
      bench,
    );
  const judgeMild = async (fittedMild: FittedNetwork): Promise<Judgement[]> =>
    judge(fittedMild, imagesOf(subjects, "mild", test), bench);
  return {
    test: await judge(fitted, imagesOf(subjects, "pair", test), bench),
    external: await judge(fitted, imagesOf(external, "pair"), bench),
    mild: network === "late" ? null : await judgeMild(await mild(fitted)),
    scratch: scratch.includes(network) ? await judgeMild(await mild(undefined)) : null,
    looks: fitted.scores,
    provenance: [
      ...(pretrains ? [fittedOn("pre-training", "convolutions as an autoencoder", subjectsIn(seen))] : []),
      ...learntFrom("AD and CN", pair),
      ...(network === "late" ? [] : learntFrom("sMCI and pMCI", mildPair)),
    ],
  };
}

interface Taught {
  readonly training: readonly TrainingImage[];
  readonly validation: readonly TrainingImage[];
}

const subjectsIn = (images: readonly TrainingImage[]): string[] => images.map(({ subject }) => subject);

const learntFrom = (task: string, { training, validation }: Taught): Provenance[] => [
  fittedOn("weights", `the network of ${task}`, subjectsIn(training)),
  fittedOn("selection", `best weights and votes of ${task}`, subjectsIn(validation)),
];
