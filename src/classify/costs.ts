/** 17 prices C from 1e-6 to 1e2, evenly on the logarithm, as Wen et al. 2020 search them. */
export const usualCosts: readonly number[] = Array.from({ length: 17 }, (_, at) => 10 ** (at / 2 - 6));
