/** A broken guarantee. `zombie` is a step of a worker that did not own the run. */
export type Breach = {
  kind: 'lost' | 'doubled' | 'asked too often' | 'zombie' | 'violation' | 'stuck' | 'died';
  what: string;
};
