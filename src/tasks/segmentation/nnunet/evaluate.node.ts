import { fail } from "../../../core/errors.js";
import { baseName, joinPath } from "../../../io/files.js";
import { loadCase, nodeFiles, openDataSet, writeText } from "../../../io/node.js";
import type { CaseScore } from "../../../metrics/summary.js";
import { engineOn } from "../../../runtime/devices.node.js";
import { casesOf } from "../../dataset.node.js";
import { beginLook } from "../../looks.node.js";
import { paths, readRunAs } from "../../run-folder.node.js";
import type { EvaluateRequest, EvaluateSummary } from "../../verbs.js";
import { isOwnData } from "./compared.node.js";
import { refuseFinal, requireSameTask } from "./evaluations.js";
import { makeFolder } from "./folders.node.js";
import { allPredicted, evaluateHeldOut, evaluationOf } from "./held-out.node.js";
import { foldPaths } from "./layout.js";
import { openPredictor } from "./open.js";
import { segmentCanonical } from "./predict.js";
import { dataSetOptions, runSchema } from "./run.js";
import { scoreCase } from "./score.js";

/**
 * Judge a fold on its held-out cases, from what its training predicted of them where that is there, or on every case of
 * another data set. What is predicted otherwise than its training did, without mirroring or on another device, is judged
 * into `predictions/no-mirror` and so on. See `EvaluateRequest`.
 */
export async function evaluateNnunet(request: EvaluateRequest): Promise<EvaluateSummary> {
  const { runDir, mirror = true, threads, device = "cpu", signal } = request;
  refuseFinal(request);
  const run = await readRunAs(runDir, runSchema);
  const dataset = await openDataSet(request.dataDir ?? run.data.root, dataSetOptions(run));
  const { plan } = run.model;
  requireSameTask(
    plan.channels.map(({ name }) => name),
    plan.dataset.labelValues,
    dataset,
  );
  const own = request.dataDir === undefined || (await isOwnData(run, dataset));
  const progress = { signal, onProgress: request.onProgress?.bind(request) };
  const otherwise = [mirror ? [] : "no-mirror", device === "cpu" ? [] : device].flat().join("-");
  if (own && otherwise === "" && (await allPredicted(runDir, run.split.validation)))
    return evaluateHeldOut(runDir, run, dataset, progress);
  const labelled = dataset.cases.filter(({ label }) => label !== undefined);
  const look = await beginLook(
    run,
    request,
    own ? { own, usual: "validation" } : { own, images: labelled.map(({ images }) => images) },
  );
  const cases = own ? casesOf(dataset, run.split.validation) : labelled;
  const engine = await engineOn(device);
  const predictor = await openPredictor(nodeFiles, runDir, engine, threads === undefined ? {} : { threads });
  const scores: CaseScore[] = [];
  try {
    for (const [at, one] of cases.entries()) {
      if (signal?.aborted)
        fail("runtime", {
          what: "the evaluation was interrupted",
          where: runDir,
          found: `${at} of ${cases.length} cases judged`,
          fix: "Run it again: nothing is written before all cases are judged",
        });
      request.onProgress?.(at, cases.length, one.id);
      const { image, label } = await loadCase(dataset, one);
      const found = await segmentCanonical(predictor, image, { mirror, signal, where: one.images[0]! });
      const who = { case: one.id, subject: one.subject };
      scores.push(scoreCase(who, label!, found, run.model.plan.dataset));
    }
  } finally {
    await predictor.close();
  }
  request.onProgress?.(cases.length, cases.length, "");
  const set = own
    ? `held-out cases of fold ${run.split.fold} of ${run.split.folds}${otherwise === "" ? "" : `, predicted anew (${otherwise})`}`
    : `all cases of ${dataset.name}, another data set than that of the run`;
  const summary = evaluationOf(runDir, run, dataset, scores, set);
  // A fold's own evaluation is what cross-validation is made of: no other scores take its place.
  const beside = own ? otherwise : baseName(dataset.root);
  const folder = beside === "" ? runDir : joinPath(paths.predictions(runDir), beside);
  await makeFolder(folder);
  await writeText(foldPaths.evaluation(folder), `${JSON.stringify(summary, null, 2)}\n`);
  await look.done();
  return summary;
}
