import { Group, Text, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { messages } from '../messages/messages.ts';
import { useOpenCount } from '../server/waiting/open-count.ts';

type PageTitleProps = {
  title: string;
  /** The table or view of the database that the page shows. */
  table?: string;
  children?: ReactNode;
};

/** The heading of a page, with the table that it shows and its actions. */
export function PageTitle({ title, table, children }: PageTitleProps) {
  const open = useOpenCount();
  useDocumentTitle(`${open > 0 ? `(${open}) ` : ''}${title} · Howdah`);
  return (
    <Group justify="space-between" mb="md" gap="sm" className="page-title">
      <Group gap="sm" align="baseline">
        <Title order={1} size="h3">
          {title}
        </Title>
        {table && (
          <Text
            size="xs"
            c="dimmed"
            ff="monospace"
            component="span"
            title={messages.common.table(table)}
          >
            {table}
          </Text>
        )}
      </Group>
      <Group gap="xs" className="page-actions">
        {children}
      </Group>
    </Group>
  );
}
