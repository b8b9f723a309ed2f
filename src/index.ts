/**
 * Gyrus, as far as it runs anywhere: images, data sets, simulation, scores, models, training graphs, reports.
 * What needs Node's files or the engine's binaries is in `gyrus/node`; single files are at `gyrus/<room>/<file>`.
 */
export { type AuditOptions, auditFrom } from "./audit/audit.js";
export { type DrawOptions, drawSplit, type Person } from "./audit/draw-split.js";
export { requireHonestSplit } from "./audit/honest.js";
export { buildAuditReport } from "./audit/html.js";
export { type FittedKind, fittedOn, type Provenance } from "./audit/provenance.js";
export { sidesOf } from "./audit/sides.js";
export type { Audit, AuditItem, CheckResult, Finding, Side } from "./audit/types.js";
export { describeAudit } from "./audit/words.js";
export { gradients } from "./autodiff/gradients.js";
export { regionalFeatures, tissueFeatures, voxelFeatures } from "./classify/features.js";
export { type LogisticModel, predictLogistic, trainLogistic } from "./classify/logistic.js";
export { type ErrorDetails, type ErrorKind, fail, GyrusError } from "./core/errors.js";
export { type Rng, rng } from "./core/rng.js";
export { type DType, floats, type Shape, scalar, type Tensor, tensor } from "./core/tensor.js";
export { type Crew, soloCrew } from "./denoise/crew.js";
export { type Denoised, type DenoiseOptions, denoise } from "./denoise/denoise.js";
export { type BackgroundNoise, noiseFromBackground } from "./denoise/noise-background.js";
export { type ImageNoise, type ImageNoiseOptions, noiseFromImage } from "./denoise/noise-image.js";
export { noiseMapFromImage } from "./denoise/noise-map.js";
export { type DenoiseMethod, denoiseMethods, type NoiseKind } from "./denoise/options.js";
export type { Node, Op, TensorType, Value } from "./graph/node.js";
export { encodeModel, type OnnxModel, readMetadata } from "./graph/onnx/model.js";
export { type Program, print, program } from "./graph/program.js";
export { type LoadedCase, loadCaseFrom, type Native, writeImageLikeTo, writeLabelLikeTo } from "./io/case.js";
export { openDataSetFrom } from "./io/dataset.js";
export type { Case, DataSet, DataSetOptions, LabelName, Region } from "./io/dataset-types.js";
export type { FileSystem } from "./io/files.js";
export { type Fingerprint, fingerprintFrom } from "./io/fingerprint.js";
export {
  type ReadOptions,
  type ReadVolume,
  readVolumeFrom,
  volumeFormats,
  writeVolumeTo,
} from "./io/formats.js";
export { inspectPathFrom } from "./io/inspect.js";
export type { DataSetInspection, FileInspection } from "./io/inspect-types.js";
export { describeInspection } from "./io/inspect-words.js";
export {
  type InterfileSinograms,
  readInterfileFrom,
  type SinogramsToWrite,
  writeInterfileTo,
} from "./io/interfile.js";
export { type EncodeOptions, encodeNifti, type NiftiHeader, parseNifti } from "./io/nifti.js";
export { encodeNpy, encodeNpz, parseNpy, parseNpz } from "./io/npy.js";
export { type People, readPeopleFrom } from "./io/people.js";
export { encodePng, parsePng } from "./io/png.js";
export { decodeSafetensors, encodeSafetensors, type TensorFile } from "./io/safetensors.js";
export { foldOf, kFold, type Split, sharedSubjects, splitByFractions } from "./io/split.js";
export { parseSplitFile, type SplitFile, splitOfFile } from "./io/split-file.js";
export {
  parseDiagnosisMap,
  readSubjectsFrom,
  type SubjectColumns,
  type SubjectRow,
  type SubjectsOptions,
  type SubjectTable,
} from "./io/subjects.js";
export { formatTable, parseTable, type Row, type Table } from "./io/tables.js";
export { poissonLoss } from "./loss/poisson.js";
export { gradientPenalty, wassersteinDistance } from "./loss/wasserstein.js";
export { cpu } from "./lower/cpu.js";
export { type Lowered, lower } from "./lower/lower.js";
export { portable } from "./lower/portable.js";
export type { Target } from "./lower/target.js";
export { wasm } from "./lower/wasm.js";
export { webgpu } from "./lower/webgpu.js";
export { type Calibration, calibration, type ReliabilityBin } from "./metrics/classification/calibration.js";
export {
  type AucComparison,
  type AucEstimate,
  delongInterval,
  delongTest,
} from "./metrics/classification/delong.js";
export { bootstrapFigures, type Interval } from "./metrics/classification/intervals.js";
export { type PermutationResult, permutationTest } from "./metrics/classification/permutation.js";
export {
  areaUnderCurve,
  type ClassificationScores,
  type Judgement,
  type RocPoint,
  rocCurve,
  scoreClassification,
} from "./metrics/classification/scores.js";
export { compareImages, type ImageComparison } from "./metrics/compare.js";
export { type EdgeOptions, edgeEnergy } from "./metrics/edges.js";
export { bootstrapMean, type MeanInterval } from "./metrics/interval.js";
export { countLabels, type Overlap, overlap } from "./metrics/overlap.js";
export { nrmse, psnrDb, relativeRmse, ssim } from "./metrics/quality.js";
export {
  type ScoreSummary,
  type SegmentationScores,
  scoreSegmentation,
  summarise,
} from "./metrics/summary.js";
export { type SurfaceScores, surfaceScores } from "./metrics/surface.js";
export { convAutoencoder } from "./models/conv-autoencoder.js";
export { type ConvFcOptions, conv4Fc3, conv5Fc3, convFc } from "./models/conv-fc.js";
export { type EdsrOptions, edsr } from "./models/edsr.js";
export {
  type CriticOptions,
  type DenoisingGeneratorOptions,
  denoisingCritic,
  denoisingGenerator,
} from "./models/red-wgan.js";
export { networkOfDepth, type ResNetOptions, resNet, resNet18 } from "./models/resnet.js";
export { type UNetOptions, unet, unetEncoder, unetHeads, unetMargin } from "./models/unet.js";
export { type VoxCnnOptions, voxCnn, voxCnnOfPaper } from "./models/vox-cnn.js";
export { type VoxResNetOptions, voxResNet, voxResNetOfPaper } from "./models/vox-resnet.js";
export { initialState, parameterCount, type Scope, type Traced, trace } from "./nn/scope.js";
export { adam, adamW, sgd } from "./optim/optimizers.js";
export { estimateTissues, evenOut, type Tissues, tissueMaps } from "./prepare/tissue.js";
export { type EmOptions, type EmResult, reconstructEm } from "./reconstruct/em.js";
export { type FbpOptions, fbp } from "./reconstruct/fbp.js";
export { type ProjectorOps, projectorOps } from "./reconstruct/operator.js";
export { type FbpWindow, fbpWindows } from "./reconstruct/ramp.js";
export { type Reconstruction, reconstructStack } from "./reconstruct/stack.js";
export { type TuningCase, tuneEm, tuneFbp } from "./reconstruct/tune.js";
export type { EvaluationReport, RunReport } from "./report/data.js";
export { type Figure, type OverlayOptions, overlayFigure } from "./report/figure.js";
export { buildReport } from "./report/run.js";
export { type CompileOptions, type Device, devices, type Engine, type Executable } from "./runtime/engine.js";
export {
  defaultStudy,
  drawStudy,
  evenGroups,
  type StudyOptions,
  type StudyPerson,
  type StudyVisit,
  simulateVisit,
} from "./sim/alzheimer/cohort.js";
export { type CourseName, type DiseaseCourse, drawCourse } from "./sim/alzheimer/course.js";
export { type BrainParameters, drawBrain } from "./sim/brain.js";
export {
  type CohortOptions,
  cohortPresets,
  type SimulatedSubject,
  simulateBrains,
  simulateSubject,
} from "./sim/cohort.js";
export { coarseStructures, fullStructures, type Structure } from "./sim/labels.js";
export { type MrNoise, unevenness, withMrNoise } from "./sim/mr/noise.js";
export { type SliceProfile, sliceProfiles } from "./sim/mr/profile.js";
export { acquireSlices, blurBySlices, type SliceAcquisition } from "./sim/mr/slices.js";
export { type PetGeometry, petGeometries } from "./sim/pet/geometry.js";
export { buildForwardModel, type ForwardModel, type PetModel, type PetScan } from "./sim/pet/model.js";
export { type PhantomOptions, type PhantomSlice, phantomSlices } from "./sim/pet/phantoms.js";
export { buildProjector, type Projector } from "./sim/pet/projector.js";
export {
  buildScanner,
  discovery690,
  type PetSlice,
  precorrected,
  type ScannerPhysics,
  type SimulatedScan,
} from "./sim/pet/scan.js";
export { type Claim, claimsSchema, type Study } from "./studies/study.js";
export { findStudy, findSystem } from "./systems/find.js";
export { studies, systems } from "./systems/registry.js";
export type { ListedStudy, Paper, System } from "./systems/system.js";
export {
  type CaseFacts,
  caseFacts,
  type DataFingerprint,
  dataFingerprint,
} from "./tasks/segmentation/nnunet/fingerprint.js";
export { decodeHeldOut, type HeldOut, readHeldOut } from "./tasks/segmentation/nnunet/held-out.js";
export { experimentPaths, foldPaths } from "./tasks/segmentation/nnunet/layout.js";
export { networkOf, type PlannedNetwork } from "./tasks/segmentation/nnunet/network.js";
export { type OpenOptions, openPredictor, type Predictor } from "./tasks/segmentation/nnunet/open.js";
export {
  type Configuration,
  type ConfigurationName,
  configurationOf,
  formatPlan,
  type Plan,
  parsePlan,
} from "./tasks/segmentation/nnunet/plan.js";
export { type PlanOptions, planDataSet } from "./tasks/segmentation/nnunet/planner.js";
export { type Postprocessing, postprocess } from "./tasks/segmentation/nnunet/postprocess.js";
export { type PredictVolumeOptions, predictVolume } from "./tasks/segmentation/nnunet/predict.js";
export { type PredictorPlan, parsePredictor } from "./tasks/segmentation/nnunet/predictor.js";
export {
  type PreparedCase,
  type PreparedGeometry,
  prepareCase,
} from "./tasks/segmentation/nnunet/preprocess.js";
export {
  classesOfRestored,
  restoreClasses,
  restoreProbabilities,
} from "./tasks/segmentation/nnunet/restore.js";
export { nnunetStep, type StepSettings } from "./tasks/segmentation/nnunet/step.js";
export { type Explanation, explainPlan } from "./tasks/segmentation/nnunet/words.js";
export {
  planScan,
  type ScanPlan,
  type Slices,
  thicknessOf,
} from "./tasks/superresolution/acquisition.js";
export {
  type SuperresolutionNetwork,
  superresolve,
} from "./tasks/superresolution/apply.js";
export { accumulateBurst } from "./tasks/superresolution/burst.js";
export type {
  EvaluateRequest,
  EvaluateSummary,
  ExportRequest,
  ExportSummary,
  FoldSummary,
  PredictRequest,
  PredictSummary,
  ReportRequest,
  ReportSummary,
  TrainProgress,
  TrainRequest,
  TrainSummary,
  Verbs,
} from "./tasks/verbs.js";
export { compileStep, lowerStep } from "./train/compile.js";
export { buildStep, type Step, type StepDefinition } from "./train/step.js";
export {
  type Applied,
  buildSteps,
  iterationBatch,
  type Network,
  type PhaseDefinition,
  type Steps,
  type StepsDefinition,
} from "./train/steps.js";
export { type Augmentation, augmentations, defineAugmentation } from "./transforms/augmentation.js";
export { applyAugmentation, augment, drawAugmentation } from "./transforms/pipeline.js";
export { version } from "./version.js";
export {
  affineFromColumns,
  applyAffine,
  describeGridDifference,
  identityAffine,
  invertAffine,
  sameGrid,
  scalingAffine,
  spacingMm,
} from "./volume/affine.js";
export {
  connectedComponents,
  largestComponent,
  withoutSmallComponents,
} from "./volume/components.js";
export { boundingBox, crop, cropOrPad, pasteBox } from "./volume/crop.js";
export { resampleFourier } from "./volume/fourier.js";
export { minMax, percentiles, requireFinite, zScore } from "./volume/intensity.js";
export {
  type Interpolation,
  type IsotropicOptions,
  interpolations,
  isotropicGrid,
  toIsotropic,
} from "./volume/isotropic.js";
export { canonicalGrid, fromCanonical, orientationOf, toCanonical } from "./volume/orient.js";
export { extractPatch, gaussianWeights, tilePositions } from "./volume/patches.js";
export { resampleLabels, resampleTo, withSpacing } from "./volume/resample.js";
export {
  type Affine,
  type Grid,
  type ImageVolume,
  type LabelVolume,
  type Size3,
  type Volume,
  volume,
  voxelCount,
} from "./volume/volume.js";
