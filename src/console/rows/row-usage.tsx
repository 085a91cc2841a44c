import { Anchor, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { UsageSum } from '../costs/days.ts';
import { dayBefore, formatCompact, formatCost, formatCount } from '../messages/format.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useRest } from '../server/rest.ts';

const text = rowTexts.usage;
const DAYS = 30;

type RowUsageProps = {
  by: 'model' | 'tool' | 'agent' | 'workflow' | 'prompt' | 'skill';
  name: string;
};

/**
 * How often a model or a tool was called lately, or how many runs an agent, a workflow, or the
 * agents with a prompt or a skill had, with a link to the costs. The counts are those of the rollup
 * of usage, so they cost the same however many runs there are.
 */
export function RowUsage({ by, name }: RowUsageProps) {
  const [since] = useState(() => dayBefore(Date.now(), DAYS - 1));
  const usage = useRest<{ data: UsageSum[] }>(`/api/usage?by=${by}&since=${since}`);
  if (usage.failure) return <FailureAlert failure={usage.failure} onRetry={usage.reload} />;
  if (!usage.data) return null;
  const own = usage.data.body.data.find(({ value }) => value === name);
  return (
    <Text size="sm">
      {own ? describeUsage(by, own) : isRun(by) ? text.noRuns(DAYS) : text.none(DAYS)}{' '}
      <Anchor component={Link} href={`/costs?by=${by}`} size="sm" underline="always">
        {text.costs}
      </Anchor>
    </Text>
  );
}

const isRun = (by: RowUsageProps['by']) => by !== 'model' && by !== 'tool';

function describeUsage(by: RowUsageProps['by'], own: UsageSum): string {
  const calls = isRun(by)
    ? text.runs(Number(own.runs), formatCount(own.runs), DAYS)
    : text.calls(Number(own.calls), formatCount(own.calls), DAYS);
  if (by === 'tool') return `${calls}.`;
  const tokens = text.tokens(formatCompact(own.tokens_in), formatCompact(own.tokens_out));
  return `${calls}, ${tokens}, ${formatCost(own.cost)}.`;
}
