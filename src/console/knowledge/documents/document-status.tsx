import { Group, Progress, Text } from '@mantine/core';
import { formatCompact, formatCount } from '../../messages/format.ts';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { type BaseState, type DocumentStatus, STATUSES, sumsOf } from '../knowledge-rows.ts';

const text = knowledgeTexts;

/** Statuses of runs whose colours stand for those of documents. */
const COLOURS = {
  pending: 'queued',
  working: 'running',
  ready: 'completed',
  failed: 'failed',
} as const;

/** The status of a document: a coloured dot with the word, so that colour alone says nothing. */
export function DocumentState({ status, count }: { status: DocumentStatus; count?: number }) {
  return (
    <Group gap={7} wrap="nowrap" component="span" className="status">
      <span className="dot" data-status={COLOURS[status]} aria-hidden="true" />
      <Text component="span" size="sm" inherit>
        {count !== undefined && `${formatCompact(count)} `}
        {text.status[status]}
      </Text>
    </Group>
  );
}

/** The documents of a base by status, and how far the worker is. */
export function BaseProgress({ state }: { state: BaseState }) {
  const { all, open } = sumsOf(state);
  if (all === 0) {
    return (
      <Text size="sm" c="dimmed" component="span">
        {text.noDocuments}
      </Text>
    );
  }
  const label = text.progress(formatCount(all - open), formatCount(all));
  return (
    <div className="base-progress">
      <Group gap="sm" component="span">
        {STATUSES.filter((status) => state[status] > 0).map((status) => (
          <DocumentState key={status} status={status} count={state[status]} />
        ))}
      </Group>
      {open > 0 && (
        <Progress.Root size={5} mt={4} title={label}>
          <Progress.Section value={((all - open) / all) * 100} aria-label={label} />
        </Progress.Root>
      )}
    </div>
  );
}
