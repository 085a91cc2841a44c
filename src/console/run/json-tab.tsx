import { Loader } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { ValueView } from '../parts/value-view.tsx';
import { runAsJson } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';

/** The run with its steps and messages as `howdah.export_run` returns them. */
export function JsonTab({ id }: { id: string }) {
  const { data, failure, reload } = useAnswer(runAsJson, { id });
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!data) return <Loader size="sm" aria-label={messages.common.loading} />;
  return <ValueView value={data.exportRun} label={messages.run.tabs.json} />;
}
