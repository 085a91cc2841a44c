import {
  Group,
  Loader,
  Paper,
  SegmentedControl,
  Select,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { costTexts } from '../messages/cost-texts.ts';
import { dayBefore, formatCompact, sum } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { Cost } from '../parts/cost.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { apiUrl } from '../server/base-path.ts';
import { useRest } from '../server/rest.ts';
import { copyUsage } from './copy-usage.ts';
import { DayChart } from './day-chart.tsx';
import { averageOf, daysOf, type UsageSum } from './days.ts';
import { Limits } from './limits.tsx';
import { UsageTable } from './usage-table.tsx';

const text = costTexts;
const UNITS = [
  ...(['agent', 'version', 'workflow', 'model', 'tool'] as const),
  ...(['prompt', 'skill', 'user', 'tenant', 'day'] as const),
] as const;
type Unit = (typeof UNITS)[number];
/** Ranges to choose from, as the days before today on which they begin and end. */
const PRESETS = {
  today: [0, 0],
  yesterday: [1, 1],
  7: [6, 0],
  30: [29, 0],
  90: [89, 0],
} as const satisfies Record<string, readonly [number, number]>;
const PRESET_NAMES = ['today', 'yesterday', '7', '30', '90'] as const;
const DAYS_OF_MONTH = 30;
type Usage = { data: UsageSum[] };

/** Costs of runs: per day, by one fact, and against limits. The URL has the range and the fact. */
export function CostsPage() {
  const [now] = useState(Date.now);
  const { range, by, show } = useRange(now);
  const query = new URLSearchParams(range).toString();
  const perDay = useRest<Usage>(`/api/usage?by=day&${query}`);
  const perUnit = useRest<Usage>(`/api/usage?by=${by}&${query}`);
  const failure = perDay.failure ?? perUnit.failure;
  const reload = () => {
    perDay.reload();
    perUnit.reload();
  };
  const days = daysOf(perDay.data?.body.data ?? [], range.since, range.until);
  return (
    <>
      <PageTitle title={text.title} table={text.table}>
        <CopyAs forms={copyUsage(by, range, apiUrl('/api/usage'))} />
      </PageTitle>
      <Stack gap="lg">
        <RangeBar {...{ now, range, by, show }} />
        {failure && <FailureAlert failure={failure} onRetry={reload} />}
        {perDay.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
        {perDay.data && (
          <Totals sums={perDay.data.body.data} average={averageOf(days, dayBefore(now, 0))} />
        )}
        {perDay.data && (
          <Paper withBorder radius="md" p="md" component="section">
            <Title order={2} size="h6" mb="sm">
              {text.byDay}
            </Title>
            <DayChart days={days} />
          </Paper>
        )}
        {perUnit.data && <UsageTable unit={by} sums={perUnit.data.body.data} />}
        <Limits />
      </Stack>
    </>
  );
}

type Range = { since: string; until: string };

function useRange(now: number) {
  const [, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  const dayIn = (name: string) => /^\d{4}-\d\d-\d\d$/.exec(search.get(name) ?? '')?.[0];
  const range = {
    since: dayIn('since') ?? dayBefore(now, PRESETS[30][0]),
    until: dayIn('until') ?? dayBefore(now, 0),
  };
  const by: Unit = UNITS.find((unit) => unit === search.get('by')) ?? 'agent';
  const show = (next: Partial<Range & { by: string }>) =>
    navigate(`/costs?${new URLSearchParams({ by, ...range, ...next })}`, { replace: true });
  return { range, by, show };
}

type RangeBarProps = {
  now: number;
  range: Range;
  by: Unit;
  show(next: Partial<Range & { by: string }>): void;
};

function RangeBar({ now, range, by, show }: RangeBarProps) {
  const rangeOf = (name: (typeof PRESET_NAMES)[number]): Range => {
    const [first, last] = PRESETS[name];
    return { since: dayBefore(now, first), until: dayBefore(now, last) };
  };
  const preset = PRESET_NAMES.find((name) => {
    const { since, until } = rangeOf(name);
    return range.since === since && range.until === until;
  });
  return (
    <Group gap="sm" align="flex-end">
      <SegmentedControl
        size="xs"
        aria-label={text.range}
        data={PRESET_NAMES.map((value) => ({ value, label: text.presets[value] }))}
        value={preset ?? ''}
        onChange={(name) => show(rangeOf(name as (typeof PRESET_NAMES)[number]))}
      />
      {(['since', 'until'] as const).map((name) => (
        <TextInput
          key={name}
          size="xs"
          type="date"
          label={text[name]}
          value={range[name]}
          onChange={(event) =>
            event.currentTarget.value && show({ [name]: event.currentTarget.value })
          }
        />
      ))}
      <Select
        size="xs"
        label={text.by}
        data={UNITS.map((value) => ({ value, label: text.units[value] }))}
        value={by}
        allowDeselect={false}
        onChange={(next) => next && show({ by: next })}
      />
    </Group>
  );
}

function Totals({ sums, average }: { sums: readonly UsageSum[]; average: number | undefined }) {
  const total = (name: 'cost' | 'tokens_in' | 'tokens_out') => sum(sums.map((one) => one[name]));
  const cards: [string, ReactNode][] = [
    [text.total, <Cost key="cost" value={total('cost')} />],
    [text.tokens, `${formatCompact(total('tokens_in'))} / ${formatCompact(total('tokens_out'))}`],
    [
      text.perDay,
      average === undefined ? messages.common.none : <Cost key="day" value={average} />,
    ],
    [
      text.month,
      average === undefined ? (
        messages.common.none
      ) : (
        <Cost key="month" value={average * DAYS_OF_MONTH} />
      ),
    ],
  ];
  return (
    <div>
      <div className="cards small-cards">
        {cards.map(([name, value]) => (
          <Paper key={name} withBorder radius="md" p="md">
            <Text size="xs" c="dimmed">
              {name}
            </Text>
            <Text className="big-figure" component="div">
              {value}
            </Text>
          </Paper>
        ))}
      </div>
      <Text size="xs" c="dimmed" mt={6}>
        {average === undefined ? text.noAverage : `${text.month}: ${text.monthHint}`}
      </Text>
    </div>
  );
}
