import type { Op } from "../graph/node.js";
import * as activation from "./activation.js";
import * as conv from "./conv.js";
import * as elementwise from "./elementwise.js";
import * as extend from "./extend.js";
import * as extremes from "./extremes.js";
import * as leaf from "./leaf.js";
import * as linalg from "./linalg.js";
import * as move from "./move.js";
import * as norm from "./norm.js";
import * as pool from "./pool.js";
import * as random from "./random.js";
import * as reduce from "./reduce.js";
import * as resize from "./resize.js";
import * as take from "./take.js";

const ops = [
  // leaf
  leaf.inputOp,
  leaf.constantOp,
  // elementwise, one input
  elementwise.negOp,
  elementwise.expOp,
  elementwise.logOp,
  elementwise.sqrtOp,
  elementwise.reciprocalOp,
  elementwise.absOp,
  elementwise.signOp,
  elementwise.floorOp,
  elementwise.sigmoidOp,
  elementwise.tanhOp,
  elementwise.softplusOp,
  elementwise.sinOp,
  elementwise.cosOp,
  elementwise.erfOp,
  elementwise.castOp,
  elementwise.leakyReluOp,
  activation.eluOp,
  elementwise.powOp,
  elementwise.clipOp,
  norm.stopGradientOp,
  // elementwise, several inputs
  elementwise.addOp,
  elementwise.subOp,
  elementwise.mulOp,
  elementwise.divOp,
  elementwise.maximumOp,
  elementwise.minimumOp,
  elementwise.greaterOp,
  elementwise.greaterEqualOp,
  elementwise.equalOp,
  elementwise.whereOp,
  elementwise.gateOp,
  // reduce
  reduce.broadcastOp,
  reduce.sumOp,
  reduce.maxOp,
  extremes.amaxOp,
  reduce.argMaxOp,
  reduce.cumSumOp,
  // move
  move.reshapeOp,
  move.transposeOp,
  move.sliceOp,
  move.padOp,
  move.concatOp,
  move.flipOp,
  move.gatherFlatOp,
  move.scatterFlatOp,
  take.takeOp,
  take.putAddOp,
  extend.extendOp,
  extend.extendAdjointOp,
  // linalg
  linalg.matmulOp,
  // conv
  conv.convOp,
  conv.convInputGradOp,
  conv.convWeightGradOp,
  // pool
  pool.maxPoolOp,
  pool.avgPoolOp,
  pool.repeatOp,
  // resize
  resize.mapAxisOp,
  resize.resizeLinearOp,
  // norm
  norm.momentsOp,
  norm.scaleShiftOp,
  norm.sumProductOp,
  norm.logSoftmaxOp,
  norm.softmaxOp,
  // random
  random.randomUniformOp,
] as const;

/** Every op that a graph can hold, by name. */
export const table: ReadonlyMap<string, Op> = new Map(ops.map((op) => [op.name, op as Op]));
