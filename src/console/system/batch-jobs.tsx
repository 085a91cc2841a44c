import { Badge, Button, Group, Modal, Text } from '@mantine/core';
import { useState } from 'react';
import { formatCount } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { systemTexts } from '../messages/system-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { useCall } from '../rows/use-call.ts';
import type { BatchJob } from './answers.ts';
import { type Column, PlainTable } from './plain-table.tsx';

const text = systemTexts.health;
const { columns: names } = text;

const figure = (value: number | null) =>
  value === null ? messages.common.none : formatCount(value);

const COLUMNS: readonly Column<BatchJob>[] = [
  {
    name: names.job,
    show: ({ name, description, is_paused, last_error }) => (
      <>
        <Group gap={6}>
          <Text size="sm" ff="monospace">
            {name}
          </Text>
          {is_paused && (
            <Badge color="orange" variant="light" size="sm">
              {text.pausedBadge}
            </Badge>
          )}
        </Group>
        <Text size="xs" c="dimmed">
          {description}
        </Text>
        {last_error && (
          <Text size="xs" c="var(--red-text, red)">
            {last_error}
          </Text>
        )}
      </>
    ),
  },
  { name: names.waiting, show: ({ waiting }) => figure(waiting), isFigure: true },
  { name: names.later, show: ({ later }) => figure(later), isFigure: true },
  { name: names.failing, show: ({ failing }) => figure(failing), isFigure: true },
  {
    name: names.oldest,
    show: ({ oldest_due_at }) =>
      oldest_due_at ? <Moment at={oldest_due_at} /> : messages.common.none,
  },
];

type BatchJobsProps = { answer: { data: BatchJob[] }; reload(): void };

/** The batch jobs. Who may pause them has a button for each. */
export function BatchJobs({ answer: { data: jobs }, reload }: BatchJobsProps) {
  const [pausing, setPausing] = useState<BatchJob>();
  const { call, failure, isBusy } = useCall(() => {
    setPausing(undefined);
    reload();
  });
  const change = ({ name }: BatchJob, action: 'pause' | 'resume') =>
    void call(`/api/batch-jobs/${name}/${action}`, { method: 'POST' });
  const actions: Column<BatchJob> = {
    name: names.action,
    show: (job) => (
      <Button
        size="compact-xs"
        variant="default"
        onClick={() => (job.is_paused ? change(job, 'resume') : setPausing(job))}
        aria-label={`${job.is_paused ? text.resume : text.pause} ${job.name}`}
      >
        {job.is_paused ? text.resume : text.pause}
      </Button>
    ),
    place: 'side',
    isPlain: true,
  };
  const mayPause = jobs.some(({ can_pause }) => can_pause);
  return (
    <>
      {failure && <FailureAlert failure={failure} />}
      <PlainTable
        label={text.jobs}
        columns={mayPause ? [...COLUMNS, actions] : COLUMNS}
        rows={jobs}
        keyOf={({ name }) => name}
      />
      <Modal
        opened={pausing !== undefined}
        onClose={() => setPausing(undefined)}
        title={pausing && text.pauseTitle(pausing.name)}
      >
        <Text size="sm" mb="md">
          {text.pauseText}
        </Text>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" size="xs" onClick={() => setPausing(undefined)}>
            {text.cancel}
          </Button>
          <Button size="xs" loading={isBusy} onClick={() => pausing && change(pausing, 'pause')}>
            {text.pause}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
