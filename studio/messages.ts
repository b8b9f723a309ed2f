/** What the page asks of the worker, once: a worker trains one network and is then thrown away. */
export interface Wish {
  readonly device: "wasm" | "webgpu";
  readonly threads: number;
  readonly seed: number;
  readonly steps: number;
}

/** Slices of one head, `count` of them, each `height` rows of `width` pixels. */
export interface Slices {
  readonly width: number;
  readonly height: number;
  readonly count: number;
}

/** What the worker tells the page, in this order; steps and views until the last step. */
export type News =
  | { readonly kind: "heads"; readonly done: number; readonly total: number }
  | {
      readonly kind: "ready";
      readonly slices: Slices;
      /** Standardised intensities and labels of the head that the network never sees. */
      readonly image: Float32Array;
      readonly truth: Uint8Array;
      readonly parameters: number;
      readonly secondsToCompile: number;
    }
  | { readonly kind: "step"; readonly step: number; readonly loss: number; readonly seconds: number }
  | {
      readonly kind: "view";
      readonly step: number;
      readonly prediction: Uint8Array;
      /** Mean Dice over the tissues of the unseen head. */
      readonly dice: number;
    }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string };
