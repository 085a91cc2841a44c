import { Stack, Text } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import { isEmptyValue } from '../parts/value-view.tsx';
import { SourcesList } from '../sources/sources-list.tsx';
import type { RunHead } from './run-head.ts';
import { Part } from './step-detail.tsx';

const text = messages.content;

/** The input and the output of a run, with the sources of its answer. */
export function ContentTab({ run }: { run: RunHead }) {
  return (
    <Stack gap="md">
      <Part title={text.input} value={run.input} />
      <Part title={text.inputData} value={run.inputData} />
      <Part title={text.output} value={run.output} />
      {isEmptyValue(run.output) && (
        <Text size="sm" c="dimmed">
          {text.output}: {text.none}
        </Text>
      )}
      {run.status === 'completed' && <SourcesList id={run.id} answer={run.output} />}
      <Part title={text.outputData} value={run.outputData} />
      <Part title={text.metadata} value={run.metadata} />
    </Stack>
  );
}
