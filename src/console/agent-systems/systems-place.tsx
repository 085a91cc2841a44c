import { Anchor, Button, Loader, Paper, Table, Text } from '@mantine/core';
import { Plus } from 'lucide-react';
import { Link } from 'wouter';
import { ListCell } from '../lists/list-cell.tsx';
import { messages } from '../messages/messages.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { SYSTEMS, systemPath } from '../rows/paths.ts';
import { useMayWrite } from '../server/me.tsx';
import { useRest } from '../server/rest.ts';
import { NewSystemPage, SystemFilePage } from './system-page.tsx';

const text = rowTexts.systems;

/** The place of agent systems: their list, and each as a file. */
export function SystemsPlace({ name }: { name: string | undefined }) {
  if (name === undefined) return <SystemsPage />;
  return name === 'new' ? <NewSystemPage /> : <SystemFilePage key={name} part={name} />;
}

type Heading = {
  id: string;
  name: string;
  description: string;
  version: number;
  updated_at: string;
};

function SystemsPage() {
  const { data, failure, isLoading, reload } = useRest<{ data: Heading[] }>(
    '/agent-systems?limit=200',
  );
  const mayWrite = useMayWrite('agent_systems');
  const systems = data?.body.data;
  return (
    <>
      <PageTitle title={text.title} table="howdah.agent_systems">
        {mayWrite && (
          <Button
            size="xs"
            component={Link}
            href={`${SYSTEMS}/new`}
            leftSection={<Plus size={14} aria-hidden />}
          >
            {text.new}
          </Button>
        )}
      </PageTitle>
      <Text size="sm" c="dimmed" mb="md" maw={640}>
        {text.explain}
      </Text>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {systems?.length === 0 && (
        <Paper withBorder radius="md" p="xl" ta="center">
          <Text>{text.none}</Text>
        </Paper>
      )}
      {systems && systems.length > 0 && (
        <Paper withBorder radius="md" className="table-frame wide-table">
          <Table verticalSpacing={6} className="versions stacked">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{text.name}</Table.Th>
                <Table.Th>{text.description}</Table.Th>
                <Table.Th>{text.version}</Table.Th>
                <Table.Th>{text.applied}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {systems.map((system) => (
                <Table.Tr key={system.id}>
                  <ListCell place="name">
                    <Anchor component={Link} href={systemPath(system.name)} size="sm">
                      {system.name}
                    </Anchor>
                  </ListCell>
                  <ListCell place="text" className="user-text">
                    {system.description}
                  </ListCell>
                  <ListCell label={text.version}>{system.version}</ListCell>
                  <ListCell place="side">
                    <Moment at={system.updated_at} />
                  </ListCell>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Paper>
      )}
    </>
  );
}
