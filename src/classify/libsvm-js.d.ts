/** The part of libsvm-js that is used; the package has no types of its own. */
declare module "libsvm-js/asm.js" {
  interface Options {
    readonly type: string;
    readonly kernel: string;
    readonly cost: number;
    readonly weight: Readonly<Record<string, number>>;
    readonly tolerance: number;
    readonly cacheSize: number;
    readonly shrinking: boolean;
    readonly quiet: boolean;
  }
  class SVM {
    constructor(options: Options);
    train(samples: readonly ArrayLike<number>[], labels: readonly number[]): void;
    getSVIndices(): number[];
    serializeModel(): string;
    free(): void;
  }
  export default SVM;
}
