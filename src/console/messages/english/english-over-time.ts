/** The texts of the page of quality over time, in English. */
export const englishOverTime = {
  title: 'Quality over time',
  button: 'Quality over time',
  evaluations: 'Evaluations',
  range: 'Days',
  presets: { 7: '7 days', 30: '30 days', 90: '90 days' },
  source: 'Runs',
  sources: { all: 'All runs', items: 'Of items', runs: 'Live runs' },
  dataset: 'Data set',
  anyDataset: 'Data set: any',
  subject: 'Agent or workflow',
  anySubject: 'Agent or workflow: any',
  grader: 'Grader',
  anyGrader: 'All graders',
  measure: 'Measure',
  measures: { pass_rate: 'Passed', score: 'Score', cost_per_pass: 'Cost per pass' },
  itemsOf: (dataset: string, split: string | null) =>
    split === null ? `Items of ${dataset}` : `Items of ${dataset}, split ${split}`,
  runsOf: (dataset: string) => `Live runs, graders of ${dataset}`,
  results: (count: number, shown: string) => (count === 1 ? '1 result' : `${shown} results`),
  point: (day: string, results: string, passed: string, score: string, cost: string) =>
    `${day}: ${results}, ${passed} passed, score ${score}, cost ${cost}`,
  interval: (low: string, high: string) => `95 % interval ${low} to ${high}`,
  more: (count: number) =>
    `${count} more versions are not shown: choose a data set, an agent or a workflow.`,
  explain:
    'A point has the results of a day in UTC, and the line through it the 95 % interval of the share that passed. Days whose lines overlap may not differ. Evaluations with overrides are left out.',
  none: 'No results of these days.',
  noneHint:
    'Results appear here when an evaluation of a data set, or of live runs, has graded them.',
};
