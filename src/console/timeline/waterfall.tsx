import { Text } from '@mantine/core';
import { useElementSize, useHotkeys } from '@mantine/hooks';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { formatCompact, formatDuration } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { Cost } from '../parts/cost.tsx';
import { useNow } from '../parts/moment.tsx';
import { StepIcon } from './step-icon.tsx';
import { spanOf, type TreeRow } from './tree-rows.ts';

const text = messages.run.columns;
const ROW_PX = 30;
/** Lines that are drawn above and below the visible part. */
const MARGIN = 10;

type WaterfallProps = {
  rows: readonly TreeRow[];
  isAtWork: boolean;
  selected: { runId: string; seq: number } | undefined;
  pathOf(row: TreeRow): string;
};

/**
 * The lines of a tree beside their times. Only the visible lines are drawn, so a run of thousands
 * of steps scrolls like a short one. J and K go to the next and the previous step.
 */
export function Waterfall({ rows, isAtWork, selected, pathOf }: WaterfallProps) {
  const { ref, height } = useElementSize();
  const [top, setTop] = useState(0);
  const now = useNow(1_000, isAtWork);
  const span = spanOf(rows, now);
  useStepKeys(rows, selected, pathOf);
  const first = Math.max(0, Math.floor(top / ROW_PX) - MARGIN);
  const shown = rows.slice(first, first + Math.ceil(height / ROW_PX) + 2 * MARGIN);
  return (
    <div className="waterfall">
      <div className="waterfall-head" aria-hidden="true">
        <span>{text.step}</span>
        <span>{text.time}</span>
        <span className="figure wide">{text.tokens}</span>
        <span className="figure wide cost">{text.cost}</span>
        <span className="figure">{text.duration}</span>
      </div>
      <div
        ref={ref}
        className="waterfall-body"
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <ul style={{ height: rows.length * ROW_PX }} aria-label={messages.run.tabs.timeline}>
          {shown.map((row, index) => (
            <li key={row.key} style={{ top: (first + index) * ROW_PX, height: ROW_PX }}>
              <Line
                row={row}
                span={span}
                now={now}
                path={pathOf(row)}
                isSelected={row.runId === selected?.runId && row.seq === selected.seq}
              />
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

function useStepKeys(
  rows: readonly TreeRow[],
  selected: WaterfallProps['selected'],
  pathOf: WaterfallProps['pathOf'],
): void {
  const [, navigate] = useLocation();
  const move = (by: number) => {
    const steps = rows.filter(({ seq }) => seq !== undefined);
    const at = steps.findIndex((row) => row.runId === selected?.runId && row.seq === selected.seq);
    const next = steps[at < 0 ? 0 : at + by];
    if (next) navigate(pathOf(next), { replace: selected !== undefined });
  };
  useHotkeys([
    ['J', () => move(1)],
    ['K', () => move(-1)],
  ]);
}

type Span = { from: number; to: number };
type LineProps = { row: TreeRow; span: Span; now: number; path: string; isSelected: boolean };

function Line({ row, span, now, path, isSelected }: LineProps) {
  const ms = row.from === undefined ? undefined : (row.to ?? now) - row.from;
  return (
    <Link
      href={path}
      className="line"
      data-selected={isSelected || undefined}
      data-failed={row.isFailed || undefined}
      aria-current={isSelected ? 'step' : undefined}
    >
      <span className="line-name" style={{ paddingInlineStart: Math.min(row.depth, 8) * 14 }}>
        <StepIcon kind={row.kind} isFailed={row.isFailed} />
        <Text component="span" size="sm" fw={row.kind === 'run' ? 600 : 400} truncate>
          {row.kind === 'run' ? row.name : `${row.kind} ${row.name}`}
        </Text>
        {row.said && (
          <Text component="span" size="xs" c="dimmed" truncate className="line-said">
            {row.said}
          </Text>
        )}
      </span>
      <Bar row={row} span={span} now={now} />
      <span className="figure wide">{row.tokens > 0 ? formatCompact(row.tokens) : ''}</span>
      <span className="figure wide cost">{row.cost > 0 && <Cost value={row.cost} />}</span>
      <span className="figure">{ms === undefined ? '' : formatDuration(ms)}</span>
    </Link>
  );
}

/** The time of a line: the part in the queue, then the part at work. */
function Bar({ row, span, now }: Omit<LineProps, 'path' | 'isSelected'>) {
  const share = (at: number) => (100 * (at - span.from)) / (span.to - span.from);
  const place = (from: number, to: number) => ({
    insetInlineStart: `${share(from)}%`,
    width: `${Math.max(0, share(to) - share(from))}%`,
  });
  const from = row.from ?? row.to ?? now;
  return (
    <span className="track" aria-hidden="true">
      {row.queuedFrom !== undefined && row.queuedFrom < from && (
        <span className="bar" data-kind="queue" style={place(row.queuedFrom, from)} />
      )}
      {row.from !== undefined && (
        <span
          className="bar"
          data-kind={row.isFailed ? 'failed' : row.kind}
          data-open={row.to === undefined || undefined}
          style={place(row.from, row.to ?? now)}
        />
      )}
    </span>
  );
}
