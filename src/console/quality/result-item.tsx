import { Anchor, Paper, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { formatDuration } from '../messages/format.ts';
import { qualityTexts } from '../messages/quality-texts.ts';
import { Cost } from '../parts/cost.tsx';
import { formatScore, type ResultRow, shownText } from './quality-rows.ts';
import type { ItemDetail, RunDetail } from './use-result-details.ts';

const text = qualityTexts.results;
/** Characters of a text that are shown at once. */
const MAX_SHOWN = 400;

type ResultItemProps = {
  row: ResultRow;
  repeats: number;
  item: ItemDetail | undefined;
  run: RunDetail | undefined;
};

/** A result: the item, the answer, and what each grader said. */
export function ResultItem({ row, repeats, item, run }: ResultItemProps) {
  return (
    <Paper withBorder radius="md" p="sm" component="li" className="result">
      <div className="result-head">
        <Outcome row={row} />
        {repeats > 1 && <Text size="xs">{text.repeat(row.repeat)}</Text>}
        {row.score !== null && <Text size="xs">{text.score(formatScore(row.score))}</Text>}
        {row.cost !== null && (
          <Text size="xs">
            <Cost value={row.cost} />
          </Text>
        )}
        {row.latency_ms !== null && <Text size="xs">{formatDuration(row.latency_ms)}</Text>}
        {row.execution_id === null ? (
          <Text size="xs">{text.deletedRun}</Text>
        ) : (
          <Anchor
            component={Link}
            href={`/runs/${row.execution_id}`}
            size="sm"
            className="result-link"
          >
            {text.openRun}
          </Anchor>
        )}
      </div>
      <div className="result-parts">
        <Input {...{ row, item, run }} />
        <LongText title={text.expected} value={shownText(null, item?.expected)} />
        <Answer row={row} run={run} />
        <Grades row={row} />
      </div>
    </Paper>
  );
}

const STATUS = {
  passed: 'completed',
  notPassed: 'failed',
  cancelled: 'cancelled',
  notGraded: 'cancelled',
  open: 'running',
};

/** Returns whether a result passed, as a word of the texts. */
function outcomeOf({ passed, graded_at, error }: ResultRow): keyof typeof STATUS {
  if (passed !== null) return passed ? 'passed' : 'notPassed';
  if (graded_at === null) return 'open';
  return error?.code === 'not_graded' ? 'notGraded' : 'cancelled';
}

function Outcome({ row }: { row: ResultRow }) {
  const outcome = outcomeOf(row);
  return (
    <span className="status outcome">
      <span className="dot" data-status={STATUS[outcome]} aria-hidden="true" />
      <Text component="span" size="sm" fw={600}>
        {text[outcome]}
      </Text>
    </span>
  );
}

function Input({ row, item, run }: Pick<ResultItemProps, 'row' | 'item' | 'run'>) {
  const [title, from] = row.item_id === null ? [text.inputOfRun, run] : [text.input, item];
  return <LongText title={title} value={shownText(from?.input, from?.inputData)} />;
}

function Answer({ row, run }: Pick<ResultItemProps, 'row' | 'run'>) {
  if (row.error) {
    const words = [row.error.code, row.error.message].filter(Boolean).join(': ');
    return <LongText title={text.answer} value={words} isFault />;
  }
  const answer = shownText(run?.output, run?.outputData);
  return <LongText title={text.answer} value={answer || (run ? text.noAnswer : '')} />;
}

type LongTextProps = { title: string; value: string; isFault?: boolean };

/** A text under its title, cut until a person wants all of it. */
export function LongText({ title, value, isFault = false }: LongTextProps) {
  const [isWhole, setWhole] = useState(false);
  if (value === '') return null;
  const isLong = value.length > MAX_SHOWN;
  return (
    <div className="result-part">
      <Text size="xs" c="dimmed">
        {title}
      </Text>
      <div className="user-text result-text" data-fault={isFault || undefined}>
        {isLong && !isWhole ? `${value.slice(0, MAX_SHOWN)}…` : value}
      </div>
      {isLong && (
        <Anchor component="button" type="button" size="xs" onClick={() => setWhole(!isWhole)}>
          {isWhole ? text.less : text.whole}
        </Anchor>
      )}
    </div>
  );
}

/** The score of each grader, and why it is not 1. */
function Grades({ row }: { row: ResultRow }) {
  const grades = Object.entries(row.scores);
  if (grades.length === 0) return null;
  return (
    <div className="result-part">
      <Text size="xs" c="dimmed">
        {text.graders}
      </Text>
      <ul className="grades">
        {grades.map(([name, { score, passed, detail, error }]) => (
          <li key={name}>
            <span
              className="dot"
              data-status={error ? 'cancelled' : passed ? 'completed' : 'failed'}
              aria-hidden="true"
            />
            <span className="user-text">
              {name}:{' '}
              {error ??
                `${passed ? text.passed : text.notPassed}, ${text.score(formatScore(score))}`}
              {detail !== undefined && detail !== null && (
                <span className="grade-detail">: {shownText(null, detail)}</span>
              )}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
