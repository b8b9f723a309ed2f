import type { ListedStudy } from "./system.js";

/** The review of leakage (Wen et al. 2020), and how often the audit sees it. */
export const audit: ListedStudy = {
  name: "audit",
  summary: "Draw splits with leaks of every category and without, and audit them",
  paper: {
    title:
      "Convolutional neural networks for classification of Alzheimer's disease: Overview and reproducible evaluation",
    authors:
      "Wen, Thibeau-Sutre, Diaz-Melo, Samper-González, Routier, Bottani, Dormont, Durrleman, Burgos, Colliot",
    venue: "Medical Image Analysis 63",
    year: 2020,
    arxiv: "1904.07773",
  },
  study: async () => (await import("../studies/audit/node.js")).auditStudy,
};
