import {
  type AdamOptions,
  addDecay,
  chain,
  clipByGlobalNorm,
  decay,
  descend,
  momentum,
  scaleByAdam,
  type Transform,
} from "./transform.js";

export interface CommonOptions {
  /** Largest joint norm of the gradients; absent: no clipping. */
  readonly clip?: number;
  readonly weightDecay?: number;
}

const clipped = (clip: number | undefined): readonly Transform[] =>
  clip === undefined ? [] : [clipByGlobalNorm(clip)];

/** Stochastic gradient descent, L2-regularised, with momentum; the learning rate is fed at every step. */
export function sgd(
  options: CommonOptions & { readonly momentum?: number; readonly nesterov?: boolean } = {},
): Transform {
  const { clip, weightDecay = 0, momentum: rate = 0, nesterov = false } = options;
  return chain(
    ...clipped(clip),
    addDecay(weightDecay),
    ...(rate === 0 ? [] : [momentum(rate, { nesterov })]),
    descend(),
  );
}

/** Adam with L2 regularisation in the gradient. Kingma & Ba, arXiv 1412.6980. */
export function adam({ clip, weightDecay = 0, ...moments }: CommonOptions & AdamOptions = {}): Transform {
  return chain(...clipped(clip), addDecay(weightDecay), scaleByAdam(moments), descend());
}

/** Adam with decoupled weight decay. Loshchilov & Hutter, arXiv 1711.05101. */
export function adamW({ clip, weightDecay = 0.01, ...moments }: CommonOptions & AdamOptions = {}): Transform {
  return chain(...clipped(clip), scaleByAdam(moments), descend(), decay(weightDecay));
}
