import { RunsPage } from '../runs/runs-page.tsx';
import { Peek } from './peek.tsx';

/** The list of runs, with a run beside it. */
export function RunsPlace() {
  return <RunsPage Peek={Peek} />;
}
