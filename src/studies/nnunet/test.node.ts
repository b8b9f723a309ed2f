import { nodeFiles } from "../../io/node.js";
import { overlayFigure } from "../../report/figure.js";
import { nodeCpu } from "../../runtime/node.js";
import { combineOpinions, type Opinion } from "../../tasks/segmentation/nnunet/ensemble.js";
import { experimentPaths } from "../../tasks/segmentation/nnunet/layout.js";
import { openPredictor, type Predictor } from "../../tasks/segmentation/nnunet/open.js";
import type { ConfigurationName } from "../../tasks/segmentation/nnunet/plan.js";
import { postprocess } from "../../tasks/segmentation/nnunet/postprocess.js";
import { opinionsOn } from "../../tasks/segmentation/nnunet/predict.js";
import type { ImageVolume, LabelVolume } from "../../volume/volume.js";
import type { StudyCase } from "./data.js";
import { type Kind, kindTitles, kindWords } from "./plan.js";
import {
  type Choice,
  chosenVariant,
  type Shown,
  scoresOf,
  type Tested,
  type TestedCase,
  variantOf,
} from "./score.js";

interface TestRequest {
  readonly kind: Kind;
  readonly cases: readonly StudyCase[];
  readonly experiment: string;
  readonly folds: number;
  readonly choice: Choice;
  readonly signal: AbortSignal;
}

/** One fold of one configuration, ready to predict. */
interface Member {
  readonly name: ConfigurationName;
  readonly fold: number;
  readonly predictor: Predictor;
}

/**
 * Cases that no network and no choice has seen, judged for every fold, every configuration, every pair and what was
 * chosen; each network looks at each case once.
 */
export async function testKind(request: TestRequest): Promise<Tested> {
  const { kind, cases, experiment, folds, choice, signal } = request;
  const singles = choice.candidates.flatMap(({ ensemble }) => (ensemble.length === 1 ? ensemble : []));
  const members: Member[] = [];
  try {
    for (const name of singles)
      for (let fold = 0; fold < folds; fold++) {
        const path = experimentPaths.fold(experiment, name, fold);
        members.push({
          name,
          fold,
          predictor: await openPredictor(nodeFiles, path, nodeCpu, { threads: 1 }),
        });
      }
    const tested: TestedCase[] = [];
    const maps: LabelVolume[] = [];
    for (const one of cases) {
      const opinions = await opinionsOf(members, one, signal);
      const { scores, map } = judgeCase(one, opinions, choice, kindWords[kind].labels);
      tested.push({ id: one.id, scores });
      maps.push(map);
    }
    return { kind, cases: tested, pictures: picturesOf(kind, cases, tested, maps) };
  } finally {
    for (const { predictor } of members) await predictor.close();
  }
}

type Opinions = readonly {
  readonly name: ConfigurationName;
  readonly fold: number;
  readonly opinion: Opinion;
}[];

async function opinionsOf(
  members: readonly Member[],
  { id, image }: StudyCase,
  signal: AbortSignal,
): Promise<Opinions> {
  const found = [];
  for (const { name, fold, predictor } of members) {
    const [opinion] = await opinionsOn(predictor, image, { signal, where: id });
    found.push({ name, fold, opinion: opinion! });
  }
  return found;
}

function judgeCase(
  { id, label }: StudyCase,
  opinions: Opinions,
  { candidates, ensemble, postprocessing }: Choice,
  labels: readonly string[],
): { readonly scores: TestedCase["scores"]; readonly map: LabelVolume } {
  const mapOf = (names: readonly ConfigurationName[], fold?: number): LabelVolume =>
    combineOpinions(
      opinions
        .filter((one) => names.includes(one.name) && (fold === undefined || one.fold === fold))
        .map(({ opinion }) => opinion),
    );
  const scores: Record<string, TestedCase["scores"][string]> = {};
  for (const { ensemble: names } of candidates)
    scores[variantOf(names)] = scoresOf(id, label, mapOf(names), labels);
  for (const { name, fold } of opinions)
    scores[variantOf([name], fold)] = scoresOf(id, label, mapOf([name], fold), labels);
  const map = postprocess(mapOf(ensemble), postprocessing);
  scores[chosenVariant] = scoresOf(id, label, map, labels);
  return { scores, map };
}

/** The best and the worst case of a test, by what was chosen. */
function picturesOf(
  kind: Kind,
  cases: readonly StudyCase[],
  tested: readonly TestedCase[],
  maps: readonly LabelVolume[],
): Shown[] {
  const dice = tested.map(({ scores }) => scores[chosenVariant]!.dice);
  const order = [...dice.keys()].sort((a, b) => dice[b]! - dice[a]!);
  return [["Best", order[0]!] as const, ["Worst", order.at(-1)!] as const].map(([rank, at]) => {
    const { id, image, label } = cases[at]!;
    const caption = `${kindTitles[kind]}, ${id}: mean Dice ${dice[at]!.toFixed(3)}, the ${rank.toLowerCase()} of ${cases.length}.`;
    const labels = kindWords[kind].labels;
    return shownOverlay(caption, {
      image,
      truth: label,
      prediction: maps[at]!,
      labels,
      channel: image.channels - 1,
    });
  });
}

/** Three planes of an image, and below them truth and prediction over it, as text for JSON. */
export function shownOverlay(
  caption: string,
  {
    image,
    truth,
    prediction,
    labels,
    channel,
  }: {
    readonly image: ImageVolume;
    readonly truth: LabelVolume;
    readonly prediction: LabelVolume;
    readonly labels: readonly string[];
    readonly channel: number;
  },
): Shown {
  const { png, width, height, legend } = overlayFigure({
    image,
    truth,
    prediction,
    labels: labels.map((name, at) => ({ name, value: at + 1 })),
    channel,
    rows: ["image", "overlay"],
    panelPixels: 200,
  });
  const names = legend.map(({ name }) => name).join(", ");
  return { caption: `${caption} Labels: ${names}.`, png: Buffer.from(png).toString("base64"), width, height };
}
