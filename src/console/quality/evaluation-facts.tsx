import { Anchor, Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { EvaluationTotals } from '../../contracts/evaluations.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { formatCompact, formatCount, formatDuration } from '../messages/format.ts';
import { qualityTexts } from '../messages/quality-texts.ts';
import { Cost } from '../parts/cost.tsx';
import { Moment } from '../parts/moment.tsx';
import { Status } from '../parts/status.tsx';
import { isEmptyValue } from '../parts/value-view.tsx';
import { rowPath } from '../rows/paths.ts';
import type { EvaluationPage } from '../server/operations.generated.ts';
import { GradedRuns } from './evaluations-table.tsx';
import { datasetPage, formatScore, formatShare, totalsOf } from './quality-rows.ts';

const text = qualityTexts.totals;
const facts = qualityTexts.facts;

type Row = NonNullable<EvaluationPage['evaluation']>;

/** The figures of an evaluation, and what it evaluates. */
export function EvaluationFacts({ row }: { row: Row }) {
  return (
    <>
      <Figures row={row} />
      <Subject row={row} />
    </>
  );
}

type Card = [title: string, figure: ReactNode, hint?: string];

/** The confidence that answers state, if any does. */
function confidenceOf({ confidence, calibration_error }: EvaluationTotals): Card[] {
  if (confidence === null || confidence === undefined) return [];
  const figures = [formatShare(confidence), formatScore(calibration_error)];
  return [[text.confidence, figures.join(' / '), text.confidenceHint]];
}

/** The cost of judges and embeddings, if there is any. */
function costOfJudges({ grading_cost = 0 }: EvaluationTotals): Card[] {
  if (grading_cost === 0) return [];
  return [[text.gradingCost, <Cost key="grading" value={grading_cost} />, text.gradingCostHint]];
}

/** The share that passed, with its interval. */
function passRateOf({ pass_rate, pass_rate_low, pass_rate_high }: EvaluationTotals): Card {
  const hasInterval = typeof pass_rate_low === 'number' && typeof pass_rate_high === 'number';
  return [
    text.passRate,
    formatShare(pass_rate),
    ...(hasInterval
      ? [text.passRateHint(formatShare(pass_rate_low), formatShare(pass_rate_high))]
      : []),
  ] as Card;
}

/** The score of each grader, if there are several. */
function graderCards({ graders = {} }: EvaluationTotals): Card[] {
  const all = Object.entries(graders);
  if (all.length < 2) return [];
  return all.map(([name, { score, passed, failed }]) => [
    text.grader(name),
    formatScore(score),
    text.graderHint(formatCount(passed), formatCount(failed)),
  ]);
}

function Figures({ row }: { row: Row }) {
  const totals = totalsOf(row);
  const ms = (value: number | null | undefined) =>
    value === null || value === undefined ? '–' : formatDuration(value);
  const cards: Card[] = [
    passRateOf(totals),
    [text.passHatK(row.repeats), formatShare(totals.pass_hat_k)],
    ...(row.repeats === 1
      ? []
      : [
          [text.flaky, formatCount(totals.flaky_items ?? 0), text.flakyHint] as [
            string,
            string,
            string,
          ],
        ]),
    [text.score, formatScore(totals.score)],
    ...graderCards(totals),
    ...confidenceOf(totals),
    [text.cost, <Cost key="cost" value={totals.cost ?? 0} />],
    ...costOfJudges(totals),
    [text.tokens, formatCompact(totals.tokens ?? 0)],
    [text.latency, `${ms(totals.latency_ms_mean)} / ${ms(totals.latency_ms_p95)}`],
  ];
  return (
    <section aria-label={text.title}>
      <div className="evaluation-state" role="status">
        <Status status={row.status} />
        <GradedRuns row={row} />
        {Boolean(totals.cancelled) && (
          <Text size="sm">{text.cancelled(formatCount(totals.cancelled ?? 0))}</Text>
        )}
        {Boolean(totals.not_graded) && (
          <Text size="sm">{text.notGraded(formatCount(totals.not_graded ?? 0))}</Text>
        )}
      </div>
      <div className="figure-cards">
        {cards.map(([name, value, hint]) => (
          <Paper key={name} withBorder radius="md" p="sm" title={hint}>
            <Text size="xs" c="dimmed">
              {name}
            </Text>
            <Text className="evaluation-figure" component="div">
              {value}
            </Text>
          </Paper>
        ))}
      </div>
    </section>
  );
}

function Subject({ row }: { row: Row }) {
  const { agent, workflow, dataset } = row;
  const shown: [string, ReactNode][] = [
    [
      facts.dataset,
      dataset && (
        <Anchor component={Link} href={datasetPage(dataset.id)} size="sm">
          {dataset.name}
        </Anchor>
      ),
    ],
    [facts.agent, agent && <Definition path="/agents" name={agent.name} />],
    [facts.workflow, workflow && <Definition path="/workflows" name={workflow.name} />],
    [facts.version, qualityTexts.evaluations.version(row.version, row.label)],
    [facts.split, row.split],
    row.sinceAt === null
      ? [facts.items, facts.itemsOf(formatCount(row.items), row.repeats)]
      : [facts.runs, <GradedTime key="runs" row={row} />],
    [facts.itemsAt, row.itemsAt && <Moment key="items" at={row.itemsAt} />],
    [facts.overrides, isEmptyValue(row.overrides) ? null : JSON.stringify(row.overrides)],
    [facts.graders, <Graders key="graders" graders={row.graders} />],
    row.gradingRule
      ? [facts.rule, <RuleLink key="rule" rule={row.gradingRule} />]
      : [facts.by, row.createdBy],
    [facts.at, <Moment key="at" at={row.createdAt} />],
  ];
  return (
    <Paper withBorder radius="md" p="md" mb="lg" component="section" aria-label={facts.title}>
      <dl className="row-facts">
        {shown
          .filter(([, value]) => value !== null && value !== undefined)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="user-text">{value}</dd>
            </div>
          ))}
      </dl>
    </Paper>
  );
}

function RuleLink({ rule }: { rule: { id: string; name: string } }) {
  return (
    <Anchor component={Link} href={rowPath({ name: 'grading-rules' }, rule.id)} size="sm">
      {rule.name}
    </Anchor>
  );
}

/** The time in which the runs were created, or ended, for an evaluation of runs that exist. */
function GradedTime({ row }: { row: Row }) {
  return (
    <>
      {formatCount(row.items)}, <Moment at={row.sinceAt ?? ''} /> {facts.until}{' '}
      <Moment at={row.untilAt ?? ''} />
    </>
  );
}

function Definition({ path, name }: { path: string; name: string }) {
  return (
    <Anchor component={Link} href={`${path}/${encodeURIComponent(name)}`} size="sm">
      {name}
    </Anchor>
  );
}

/** The graders as they were when the evaluation began. */
function Graders({ graders }: { graders: unknown }) {
  const all = Array.isArray(graders) ? graders.filter((one) => isJsonObject(one)) : [];
  if (all.length === 0) return '–';
  return (
    <ul className="grader-names">
      {all.map(({ name, kind, configuration }: JsonObject) => (
        <li key={String(name)} title={JSON.stringify(configuration)}>
          {String(name)} <span className="kind">({String(kind)})</span>
        </li>
      ))}
    </ul>
  );
}
