/** One structure of a label map. `freesurfer` is the index of the same structure in FreeSurfer's colour table. */
export interface Structure {
  readonly index: number;
  readonly name: string;
  readonly abbreviation: string;
  readonly freesurfer?: number;
}

/** Every structure that `renderBrain` tells apart. Left is the person's left: negative x in RAS+. */
export const fullStructures = [
  { index: 0, name: "background", abbreviation: "BG", freesurfer: 0 },
  { index: 1, name: "scalp", abbreviation: "SCA", freesurfer: 118 },
  { index: 2, name: "skull, compact bone", abbreviation: "BON", freesurfer: 165 },
  { index: 3, name: "skull, diploe and marrow", abbreviation: "DIP", freesurfer: 165 },
  { index: 4, name: "soft tissue of face and neck", abbreviation: "SOF", freesurfer: 127 },
  { index: 5, name: "eye", abbreviation: "EYE", freesurfer: 134 },
  { index: 6, name: "dura, falx and tentorium", abbreviation: "DUR" },
  { index: 7, name: "cerebrospinal fluid", abbreviation: "CSF", freesurfer: 24 },
  { index: 8, name: "left cerebral cortex", abbreviation: "LCC", freesurfer: 3 },
  { index: 9, name: "right cerebral cortex", abbreviation: "RCC", freesurfer: 42 },
  { index: 10, name: "left cerebral white matter", abbreviation: "LWM", freesurfer: 2 },
  { index: 11, name: "right cerebral white matter", abbreviation: "RWM", freesurfer: 41 },
  { index: 12, name: "corpus callosum", abbreviation: "CC" },
  { index: 13, name: "left lateral ventricle", abbreviation: "LLV", freesurfer: 4 },
  { index: 14, name: "right lateral ventricle", abbreviation: "RLV", freesurfer: 43 },
  { index: 15, name: "left temporal horn", abbreviation: "LTH", freesurfer: 5 },
  { index: 16, name: "right temporal horn", abbreviation: "RTH", freesurfer: 44 },
  { index: 17, name: "third ventricle", abbreviation: "3V", freesurfer: 14 },
  { index: 18, name: "fourth ventricle", abbreviation: "4V", freesurfer: 15 },
  { index: 19, name: "left thalamus", abbreviation: "LTHA", freesurfer: 10 },
  { index: 20, name: "right thalamus", abbreviation: "RTHA", freesurfer: 49 },
  { index: 21, name: "left caudate", abbreviation: "LCAU", freesurfer: 11 },
  { index: 22, name: "right caudate", abbreviation: "RCAU", freesurfer: 50 },
  { index: 23, name: "left putamen", abbreviation: "LPUT", freesurfer: 12 },
  { index: 24, name: "right putamen", abbreviation: "RPUT", freesurfer: 51 },
  { index: 25, name: "left pallidum", abbreviation: "LPAL", freesurfer: 13 },
  { index: 26, name: "right pallidum", abbreviation: "RPAL", freesurfer: 52 },
  { index: 27, name: "left accumbens", abbreviation: "LACC", freesurfer: 26 },
  { index: 28, name: "right accumbens", abbreviation: "RACC", freesurfer: 58 },
  { index: 29, name: "left hippocampus, anterior", abbreviation: "LHA", freesurfer: 17 },
  { index: 30, name: "right hippocampus, anterior", abbreviation: "RHA", freesurfer: 53 },
  { index: 31, name: "left hippocampus, posterior", abbreviation: "LHP", freesurfer: 17 },
  { index: 32, name: "right hippocampus, posterior", abbreviation: "RHP", freesurfer: 53 },
  { index: 33, name: "left amygdala", abbreviation: "LAMY", freesurfer: 18 },
  { index: 34, name: "right amygdala", abbreviation: "RAMY", freesurfer: 54 },
  { index: 35, name: "brainstem", abbreviation: "BST", freesurfer: 16 },
  { index: 36, name: "left cerebellar cortex", abbreviation: "LCBC", freesurfer: 8 },
  { index: 37, name: "right cerebellar cortex", abbreviation: "RCBC", freesurfer: 47 },
  { index: 38, name: "left cerebellar white matter", abbreviation: "LCBW", freesurfer: 7 },
  { index: 39, name: "right cerebellar white matter", abbreviation: "RCBW", freesurfer: 46 },
  { index: 40, name: "fat of orbit and neck", abbreviation: "FAT", freesurfer: 125 },
  { index: 41, name: "spinal cord", abbreviation: "SC", freesurfer: 126 },
] as const satisfies readonly Structure[];

/** The structures a segmentation network is trained on by default. */
export const coarseStructures = [
  { index: 0, name: "background", abbreviation: "BG" },
  { index: 1, name: "cerebrospinal fluid", abbreviation: "CSF" },
  { index: 2, name: "cortical grey matter", abbreviation: "CGM" },
  { index: 3, name: "cerebral white matter", abbreviation: "WM" },
  { index: 4, name: "ventricles", abbreviation: "VEN" },
  { index: 5, name: "deep grey nuclei", abbreviation: "DGM" },
  { index: 6, name: "hippocampus, anterior", abbreviation: "HIPA" },
  { index: 7, name: "hippocampus, posterior", abbreviation: "HIPP" },
  { index: 8, name: "brainstem", abbreviation: "BST" },
  { index: 9, name: "cerebellum", abbreviation: "CBM" },
] as const satisfies readonly Structure[];

/** Coarse index of every full index, in order of the full index. Amygdala and accumbens are deep grey nuclei. */
export const coarseOfFull: readonly number[] = [
  0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 7, 7, 5, 5, 8,
  9, 9, 9, 9, 0, 0,
];

/** Full indices by name of the code; a paired structure is its left index, the right one is one more. */
export const L = {
  background: 0,
  scalp: 1,
  bone: 2,
  diploe: 3,
  softTissue: 4,
  eye: 5,
  dura: 6,
  csf: 7,
  cortex: 8,
  whiteMatter: 10,
  callosum: 12,
  lateralVentricle: 13,
  temporalHorn: 15,
  thirdVentricle: 17,
  fourthVentricle: 18,
  thalamus: 19,
  caudate: 21,
  putamen: 23,
  pallidum: 25,
  accumbens: 27,
  hippocampusAnterior: 29,
  hippocampusPosterior: 31,
  amygdala: 33,
  brainstem: 35,
  cerebellarCortex: 36,
  cerebellarWhiteMatter: 38,
  fat: 40,
  spinalCord: 41,
} as const;
