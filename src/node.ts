/** What of Gyrus needs Node: the disk and the engine. The rest is in `gyrus`. */

export { threadCrew } from "./denoise/threads.node.js";
export { type Converted, type ConvertOptions, convertDataSet } from "./io/convert.node.js";
export {
  fingerprint,
  inspectPath,
  loadCase,
  loadImage,
  nodeFiles,
  openDataSet,
  readPeople,
  readSafetensors,
  readSubjects,
  readTable,
  readVolume,
  writeImageLike,
  writeLabelLike,
  writeSafetensors,
  writeTable,
  writeVolume,
} from "./io/node.js";
export { type RegistrationOptions, registerAffine } from "./prepare/elastix.node.js";
export { type PrepareRequest, type PrepareSummary, prepareScans } from "./prepare/node.js";
export { reconstructStackOnThreads } from "./reconstruct/stack.node.js";
export { type Backend, type BackendTrial, listBackends, tryBackend } from "./runtime/backends.node.js";
export { engineOn, openModelOn } from "./runtime/devices.node.js";
export { engineVersion, nodeCpu, openModel } from "./runtime/node.js";
export { type WriteStudyOptions, type WrittenStudy, writeStudy } from "./sim/alzheimer/node.js";
export { type WriteCohortOptions, type WrittenCohort, writeCohort } from "./sim/node.js";
export { type WritePetOptions, type WrittenPet, writePetScans } from "./sim/pet/node.js";
export {
  type ReproduceRequest,
  type ReproduceSummary,
  reproduce,
  type StudyProgress,
} from "./studies/run.node.js";
export { systemOf } from "./systems/node.js";
export { measureDataSet, type WorkOptions } from "./tasks/segmentation/nnunet/facts.node.js";
export {
  type FindBestRequest,
  type FindBestSummary,
  findBest,
} from "./tasks/segmentation/nnunet/find-best.node.js";
export { type PreparedFile, prepareDataSet, readPrepared } from "./tasks/segmentation/nnunet/prepare.node.js";
export {
  type SuperresolvedScan,
  type SuperresolveScanRequest,
  superresolveScan,
} from "./tasks/superresolution/scan.node.js";
