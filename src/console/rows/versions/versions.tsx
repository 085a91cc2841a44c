import { Badge, Button, Group, Paper, Stack, Table, Title } from '@mantine/core';
import { useState } from 'react';
import type { JsonObject } from '../../../json/json.ts';
import { ListCell } from '../../lists/list-cell.tsx';
import { formatCount } from '../../messages/format.ts';
import { messages } from '../../messages/messages.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { Cost } from '../../parts/cost.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { Moment } from '../../parts/moment.tsx';
import { useMayWrite } from '../../server/me.tsx';
import { useRest } from '../../server/rest.ts';
import { type ResourceType, tableOf } from '../resource-types.ts';
import { LabelDialog } from './label-dialog.tsx';
import { RestoreDialog } from './restore-dialog.tsx';
import { useVersions } from './use-versions.ts';
import type { Version } from './version.ts';
import { VersionDiff } from './version-diff.tsx';

const text = rowTexts.versions;

/** Figures of the runs of a version. */
type Figures = { runs: number; success_rate: number | null; cost: number | string };
type Performance = Figures & { version: number };

/** Figures of a version without runs. */
const NO_RUNS: Figures = { runs: 0, success_rate: null, cost: 0 };

type VersionsProps = { type: ResourceType; row: JsonObject; reload(): void };

/** The versions of a row, the newest first: their runs and labels, and how two of them differ. */
export function Versions({ type, row, reload }: VersionsProps) {
  const own = `${type.path}/${row.id}`;
  const list = useVersions(own);
  const mayRun = useMayWrite('executions');
  const hasRuns = type.name === 'agents' || type.name === 'workflows';
  const runs = useRest<{ data: Performance[] }>(hasRuns ? `${own}/performance` : undefined);
  const { versions } = list;
  const figures = runs.data && new Map(runs.data.body.data.map((one) => [one.version, one]));
  const changed = () => {
    list.reload();
    reload();
  };
  return (
    <section>
      <Title order={2} size="h5" mb="sm">
        {text.title}
      </Title>
      {list.failure && <FailureAlert failure={list.failure} onRetry={list.reload} />}
      {runs.failure && <FailureAlert failure={runs.failure} onRetry={runs.reload} />}
      {versions.length > 0 && (
        <Stack gap="md">
          <Paper withBorder radius="md" className="table-frame wide-table">
            <Table verticalSpacing={6} className="versions stacked">
              <Head type={type} hasRuns={hasRuns} />
              <Table.Tbody>
                {versions.map((one, index) => (
                  <Row
                    key={one.version}
                    {...{ type, row, changed, hasRuns }}
                    isNewest={index === 0}
                    version={one}
                    figures={figures && (figures.get(one.version) ?? NO_RUNS)}
                  />
                ))}
              </Table.Tbody>
            </Table>
          </Paper>
          {list.hasOlder && (
            <Group>
              <Button size="xs" variant="default" onClick={list.loadOlder}>
                {text.older}
              </Button>
            </Group>
          )}
          {versions.length > 1 && (
            <VersionDiff
              {...{ own, versions }}
              agent={type.name === 'agents' && mayRun ? String(row.name) : undefined}
            />
          )}
        </Stack>
      )}
    </section>
  );
}

function Head({ type, hasRuns }: { type: ResourceType; hasRuns: boolean }) {
  return (
    <Table.Thead>
      <Table.Tr>
        <Table.Th>{text.version}</Table.Th>
        {type.has_labels && <Table.Th>{text.labels}</Table.Th>}
        {hasRuns && <Table.Th ta="right">{text.runs}</Table.Th>}
        {hasRuns && <Table.Th ta="right">{text.success}</Table.Th>}
        {hasRuns && <Table.Th ta="right">{text.cost}</Table.Th>}
        <Table.Th>{text.by}</Table.Th>
        <Table.Th>{text.at}</Table.Th>
        <Table.Td />
      </Table.Tr>
    </Table.Thead>
  );
}

type RowProps = {
  type: ResourceType;
  row: JsonObject;
  version: Version;
  hasRuns: boolean;
  isNewest: boolean;
  /** Undefined while they are not known. */
  figures: Figures | undefined;
  changed(): void;
};

function Row({ type, row, version, hasRuns, isNewest, figures, changed }: RowProps) {
  const mayWrite = useMayWrite(tableOf(type));
  const [dialog, setDialog] = useState<'restore' | 'label'>();
  const shared = {
    ...{ type, row, version, changed },
    close: () => setDialog(undefined),
  };
  return (
    <Table.Tr>
      <ListCell place="name" label={text.version}>
        {version.version}
      </ListCell>
      {type.has_labels && (
        <ListCell>
          <Group gap={4}>
            {version.labels.map((label) => (
              <Badge key={label} variant="default" size="sm" tt="none">
                {label}
              </Badge>
            ))}
          </Group>
        </ListCell>
      )}
      {hasRuns && <FigureCells figures={figures} />}
      <ListCell label={text.by} className="user-text">
        {version.created_by}
      </ListCell>
      <ListCell>
        <Moment at={version.created_at} />
      </ListCell>
      <ListCell place="side" ta="right">
        {mayWrite && (
          <Group gap={4} justify="flex-end" wrap="nowrap">
            {type.has_labels && (
              <Button size="compact-xs" variant="default" onClick={() => setDialog('label')}>
                {text.label}
              </Button>
            )}
            {!isNewest && (
              <Button size="compact-xs" variant="default" onClick={() => setDialog('restore')}>
                {text.restore}
              </Button>
            )}
          </Group>
        )}
        {dialog === 'restore' && <RestoreDialog {...shared} />}
        {dialog === 'label' && <LabelDialog {...shared} />}
      </ListCell>
    </Table.Tr>
  );
}

function FigureCells({ figures }: Pick<RowProps, 'figures'>) {
  const rate = figures?.success_rate ?? null;
  return (
    <>
      <ListCell label={text.runs} className="figure">
        {figures ? formatCount(figures.runs) : messages.common.none}
      </ListCell>
      <ListCell label={text.success} className="figure">
        {rate === null ? messages.common.none : `${Math.round(Number(rate) * 100)} %`}
      </ListCell>
      <ListCell label={text.cost} className="figure">
        {figures ? <Cost value={figures.cost} /> : messages.common.none}
      </ListCell>
    </>
  );
}
