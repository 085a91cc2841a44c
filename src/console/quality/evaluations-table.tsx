import { Progress, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import { ListCell } from '../lists/list-cell.tsx';
import { formatCount } from '../messages/format.ts';
import { qualityTexts } from '../messages/quality-texts.ts';
import { Cost } from '../parts/cost.tsx';
import { Moment } from '../parts/moment.tsx';
import { Status } from '../parts/status.tsx';
import { ListTable } from '../rows/list/list-table.tsx';
import type { EvaluationRow } from '../server/operations.generated.ts';
import { evaluationPage, formatShare, nameOfEvaluation, totalsOf } from './quality-rows.ts';

const text = qualityTexts.evaluations;

/** Evaluations with their progress and their figures. J and K move between them. */
export function EvaluationsTable({ rows }: { rows: readonly EvaluationRow[] }) {
  return (
    <ListTable
      label={text.title}
      className="evaluations"
      head={
        <>
          <Table.Th>{text.name}</Table.Th>
          <Table.Th>{text.dataset}</Table.Th>
          <Table.Th>{text.status}</Table.Th>
          <Table.Th>{text.progress}</Table.Th>
          <Table.Th ta="right">{text.passRate}</Table.Th>
          <Table.Th ta="right">{text.cost}</Table.Th>
          <Table.Th>{text.created}</Table.Th>
        </>
      }
    >
      {rows.map((row) => (
        <Row key={row.id} row={row} />
      ))}
    </ListTable>
  );
}

function Row({ row }: { row: EvaluationRow }) {
  const { pass_rate, cost } = totalsOf(row);
  return (
    <Table.Tr>
      <ListCell place="name">
        <Link href={evaluationPage(row.id)} className="row-link">
          {nameOfEvaluation(row)}
        </Link>
      </ListCell>
      <ListCell label={text.dataset} className="user-text">
        {row.dataset?.name ?? text.deleted}
      </ListCell>
      <ListCell place="side">
        <Status status={row.status} />
      </ListCell>
      <ListCell label={text.progress}>
        <GradedRuns row={row} />
      </ListCell>
      <ListCell label={text.passRate} className="figure">
        {formatShare(pass_rate)}
      </ListCell>
      <ListCell label={text.cost} className="figure">
        <Cost value={cost ?? 0} />
      </ListCell>
      <ListCell>
        <Moment at={row.createdAt} />
      </ListCell>
    </Table.Tr>
  );
}

/** How many of the runs are graded, as a bar with words. */
export function GradedRuns({ row }: { row: EvaluationRow }) {
  const { graded = 0, runs } = totalsOf(row);
  const words = text.progressOf(formatCount(graded), formatCount(runs));
  return (
    <div className="graded-runs">
      <Text size="xs" component="div">
        {words}
      </Text>
      {row.status === 'running' && (
        <Progress size="xs" value={runs > 0 ? (graded / runs) * 100 : 0} aria-label={words} />
      )}
    </div>
  );
}
