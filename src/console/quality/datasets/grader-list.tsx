import { Anchor, Button, Group, Loader, Paper, Table, Text, Title } from '@mantine/core';
import { Link } from 'wouter';
import type { JsonObject } from '../../../json/json.ts';
import { ListCell } from '../../lists/list-cell.tsx';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { rowPath } from '../../rows/paths.ts';
import { useMayWrite } from '../../server/me.tsx';
import { useRest } from '../../server/rest.ts';
import { datasetPage } from '../quality-rows.ts';

const text = qualityTexts.graders;

/** A grader, as `GET /api/graders` shows it. */
type GraderRow = {
  id: string;
  name: string;
  kind: string;
  configuration: JsonObject;
  weight: number;
  pass_score: number;
};

/** The graders of a data set, with links to their pages. */
export function GraderList({ dataset }: { dataset: { id: string } }) {
  const mayWrite = useMayWrite('graders');
  const { data, failure, isLoading, reload } = useRest<{ data: GraderRow[] }>(
    `/api/graders?dataset_id=${dataset.id}&limit=200`,
  );
  const rows = data?.body.data;
  return (
    <section aria-label={text.title} className="dataset-part">
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="sm" align="baseline">
          <Title order={2} size="h5">
            {text.title}
          </Title>
          <Text size="xs" c="dimmed" ff="monospace">
            howdah.graders
          </Text>
        </Group>
        {mayWrite && (
          <Button
            size="xs"
            variant="default"
            component={Link}
            href={`${datasetPage(dataset.id)}/graders/new`}
          >
            {text.add}
          </Button>
        )}
      </Group>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows?.length === 0 && <Text size="sm">{text.none}</Text>}
      {rows && rows.length > 0 && <GradersTable rows={rows} />}
    </section>
  );
}

function GradersTable({ rows }: { rows: readonly GraderRow[] }) {
  return (
    <Paper withBorder radius="md" className="table-frame wide-table">
      <Table className="versions stacked" verticalSpacing={6} aria-label={text.title}>
        <Table.Thead>
          <Table.Tr>
            {[text.name, text.kind].map((name) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
            <Table.Th>{text.configuration}</Table.Th>
            {[text.weight, text.passScore].map((name) => (
              <Table.Th key={name} ta="right">
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ id, name, kind, configuration, weight, pass_score }) => (
            <Table.Tr key={id}>
              <ListCell place="name">
                <Anchor component={Link} href={rowPath({ name: 'graders' }, id)} size="sm">
                  {name}
                </Anchor>
              </ListCell>
              <ListCell place="side">{kind}</ListCell>
              <ListCell place="text" className="user-text grader-configuration">
                {Object.keys(configuration).length > 0 && JSON.stringify(configuration)}
              </ListCell>
              <ListCell label={text.weight} className="figure">
                {weight}
              </ListCell>
              <ListCell label={text.passScore} className="figure">
                {pass_score}
              </ListCell>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}
