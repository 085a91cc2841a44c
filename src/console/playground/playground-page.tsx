import { Button, Group, Text } from '@mantine/core';
import { Plus } from 'lucide-react';
import { useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { storeFiles } from '../chat/attachments.ts';
import { Composer } from '../chat/composer.tsx';
import { messages } from '../messages/messages.ts';
import { PageTitle } from '../parts/page-title.tsx';
import { useKnownNames } from '../runs/use-runs.ts';
import type { Failure } from '../server/failure.ts';
import {
  type Column,
  isComplete,
  MAX_COLUMNS,
  readColumns,
  withSubject,
  writeColumns,
} from './columns.ts';
import { PlaygroundColumn } from './playground-column.tsx';
import { keysOf, refuseFailed, startColumn } from './start-columns.ts';
import { useFirstQuestion } from './use-first-question.ts';

const text = messages.playground;

/** The playground: one message, answered side by side. The URL has the columns and their runs. */
export function PlaygroundPage() {
  const { columns, change } = useColumns();
  const { first, tell } = useFirstQuestion();
  const { send, message, failures, isSending } = useSending(columns, change);
  const setColumn = (index: number, next: Partial<Column>) =>
    change((last) => last.map((one, at) => (at === index ? { ...one, ...next } : one)));
  const add = () => change((last) => [...last, { ...(last.at(-1) as Column), run: '' }]);
  const remove = (index: number) => change((last) => last.filter((_, at) => at !== index));
  return (
    <div className="chat-place">
      <PageTitle title={text.title} table="howdah.executions">
        <Button
          size="xs"
          variant="default"
          leftSection={<Plus size={14} aria-hidden />}
          onClick={add}
          disabled={columns.length >= MAX_COLUMNS}
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
            isSending={isSending}
          />
        ))}
      </div>
      <Composer send={send} stop={undefined} isDisabled={!columns.every(isComplete)}>
        <Group gap="xs">
          <Text size="xs" c="dimmed">
            {text.sendTo(columns.length)}
          </Text>
        </Group>
      </Composer>
    </div>
  );
}

type Change = (next: (last: readonly Column[]) => readonly Column[]) => void;

/** The columns of the URL. A column without an agent gets one. */
function useColumns() {
  const [, navigate] = useLocation();
  const search = useSearch();
  const names = useKnownNames();
  const [columns, setColumns] = useState<readonly Column[]>(() =>
    readColumns(new URLSearchParams(search)),
  );
  const latest = useRef(columns);
  const all = [...(names?.agents.keys() ?? [])];
  const first = all.find((name) => name === 'development') ?? all[0] ?? '';
  const withAgent = (one: Column) => withSubject(one, first, names);
  const change: Change = (next) => {
    latest.current = next(latest.current.map(withAgent));
    setColumns(latest.current);
    navigate(`/playground?${writeColumns(latest.current)}`, { replace: true });
  };
  return { columns: columns.map(withAgent), change };
}

/** Sends a message to all columns. A column that fails keeps the answer that it shows. */
function useSending(columns: readonly Column[], change: Change) {
  const [failures, setFailures] = useState<readonly (Failure | undefined)[]>([]);
  const [message, setMessage] = useState('');
  const [isSending, setSending] = useState(false);
  const keys = useRef({ message: '', known: new Map<string, string>() });
  const send = async (content: string, files: readonly File[], key: string) => {
    if (keys.current.message !== key) keys.current = { message: key, known: new Map() };
    setSending(true);
    try {
      const parts = files.length > 0 ? await storeFiles(null, files) : undefined;
      setMessage(content);
      const keysOfRuns = keysOf(columns, keys.current.known);
      const started = await Promise.all(
        columns.map((one, index) => startColumn(one, { content, parts }, keysOfRuns[index] ?? '')),
      );
      setFailures(started.map(({ failure }) => failure));
      change((last) => last.map((one, at) => ({ ...one, run: started[at]?.run ?? one.run })));
      refuseFailed(started);
    } finally {
      setSending(false);
    }
  };
  return { send, message, failures, isSending };
}
