import { messages } from '../messages/messages.ts';

/** Returns the name of the agent or workflow of a run. */
export function nameOfRun({
  agent,
  workflow,
}: {
  agent: { name: string } | null;
  workflow: { name: string } | null;
}): string {
  return agent?.name ?? workflow?.name ?? messages.common.none;
}
