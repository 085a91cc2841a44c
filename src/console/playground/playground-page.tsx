import { Button, Group, Text } from '@mantine/core';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { storeFiles } from '../chat/attachments.ts';
import { Composer } from '../chat/composer.tsx';
import { messages } from '../messages/messages.ts';
import { PageTitle } from '../parts/page-title.tsx';
import { useKnownNames } from '../runs/use-runs.ts';
import { type Failure, toFailure } from '../server/failure.ts';
import { ask } from '../server/graphql.ts';
import { askAgent } from '../server/operations.generated.ts';
import { type Column, MOST_COLUMNS, overridesOf, readColumns, writeColumns } from './columns.ts';
import { PlaygroundColumn } from './playground-column.tsx';
import { useFirstQuestion } from './use-first-question.ts';

const text = messages.playground;

/** The playground: one message, answered side by side. The URL has the columns and their runs. */
export function PlaygroundPage() {
  const { columns, change } = useColumns();
  const [failures, setFailures] = useState<readonly (Failure | undefined)[]>([]);
  const [message, setMessage] = useState('');
  const { first, tell } = useFirstQuestion();
  const send = async (content: string, files: readonly File[], key: string) => {
    const parts = files.length > 0 ? await storeFiles(null, files) : undefined;
    setMessage(content);
    const started = await Promise.all(
      columns.map((column, index) => start(column, content, { parts, key: `${key} ${index}` })),
    );
    setFailures(started.map(({ failure }) => failure));
    change(columns.map((column, index) => ({ ...column, run: started[index]?.run ?? '' })));
  };
  const setColumn = (index: number, next: Partial<Column>) =>
    change(columns.map((one, at) => (at === index ? { ...one, ...next } : one)));
  const add = () => change([...columns, { ...(columns.at(-1) as Column), run: '' }]);
  const remove = (index: number) => change(columns.filter((_, at) => at !== index));
  return (
    <div className="chat-place">
      <PageTitle title={text.title} table="howdah.executions">
        <Button
          size="xs"
          variant="default"
          leftSection={<Plus size={14} aria-hidden />}
          onClick={add}
          disabled={columns.length >= MOST_COLUMNS}
        >
          {text.add}
        </Button>
      </PageTitle>
      <div className="playground" data-columns={columns.length}>
        {columns.map((column, index) => (
          <PlaygroundColumn
            key={index}
            place={index + 1}
            column={column}
            message={message}
            failure={failures[index]}
            questionId={first?.place === index + 1 ? first.id : undefined}
            tellQuestion={tell}
            change={(next) => setColumn(index, next)}
            remove={columns.length > 1 ? () => remove(index) : undefined}
          />
        ))}
      </div>
      <Composer send={send} stop={undefined} isDisabled={columns.some(({ agent }) => agent === '')}>
        <Group gap="xs">
          <Text size="xs" c="dimmed">
            {text.sentTo(columns.length)}
          </Text>
        </Group>
      </Composer>
    </div>
  );
}

/** The columns of the URL. A column without an agent gets one. */
function useColumns() {
  const [, navigate] = useLocation();
  const search = useSearch();
  const names = useKnownNames();
  const [columns, setColumns] = useState(() => readColumns(new URLSearchParams(search)));
  const all = [...(names?.agents.keys() ?? [])];
  const first = all.find((name) => name === 'development') ?? all[0] ?? '';
  const shown = columns.map((one) => (one.agent === '' ? { ...one, agent: first } : one));
  const change = (next: readonly Column[]) => {
    setColumns([...next]);
    navigate(`/playground?${writeColumns(next)}`, { replace: true });
  };
  return { columns: shown, change };
}

type Sent = { parts: Awaited<ReturnType<typeof storeFiles>> | undefined; key: string };

/** Starts the run of a column. One column that fails leaves the others. */
async function start(column: Column, input: string, { parts, key }: Sent) {
  const overrides = overridesOf(column);
  try {
    const { run } = await ask(askAgent, {
      agent: column.agent,
      input,
      metadata: { playground: true },
      idempotencyKey: key,
      ...(parts && { inputParts: parts }),
      ...(column.version !== '' && { version: column.version }),
      ...(overrides && { overrides }),
    });
    return { run: run?.result?.id ?? '', failure: undefined };
  } catch (error) {
    return { run: '', failure: toFailure(error) };
  }
}
