import { Group, Loader, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import type { Forms } from '../parts/forms.ts';
import type { Loaded } from '../server/use-request.ts';

type SectionProps = {
  title: string;
  /** The table or function that the section shows. */
  table: string;
  hint?: string;
  forms?: Forms;
  loaded?: Omit<Loaded<unknown>, 'data'>;
  action?: ReactNode;
  children: ReactNode;
};

/** A part of a page with what it reads from the server. */
export function Section({ title, table, hint, forms, loaded, action, children }: SectionProps) {
  return (
    <section aria-label={title}>
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="sm" align="baseline">
          <Title order={2} size="h5">
            {title}
          </Title>
          <Text size="xs" c="dimmed" ff="monospace" title={messages.common.table(table)}>
            {table}
          </Text>
        </Group>
        <Group gap="xs">
          {action}
          {forms && <CopyAs forms={forms} />}
        </Group>
      </Group>
      {hint && (
        <Text size="sm" c="dimmed" mb="xs">
          {hint}
        </Text>
      )}
      {loaded?.failure && <FailureAlert failure={loaded.failure} onRetry={loaded.reload} />}
      {loaded?.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {children}
    </section>
  );
}
