import { Group, SegmentedControl, Select } from '@mantine/core';
import { overTimeTexts as text } from '../../messages/over-time-texts.ts';
import { agentNames, datasetNames } from '../../server/operations.generated.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { MEASURES, type Measure, type QualityOfDay } from './series.ts';

/** Ranges of days that end today. */
export const PRESETS = [7, 30, 90] as const;

/** What the URL of the page chooses. */
export type Chosen = {
  days: (typeof PRESETS)[number];
  measure: Measure;
  grader: string | undefined;
  source: 'items' | 'runs' | undefined;
  dataset_id: string | undefined;
  agent_id: string | undefined;
  workflow_id: string | undefined;
};

type Changes = { [name in keyof Chosen]?: string | undefined };
type FiltersProps = {
  chosen: Chosen;
  rows: readonly QualityOfDay[];
  change(next: Changes): void;
};

/** The choice of days, runs, a data set, an agent or workflow, a grader and a measure. */
export function Filters({ chosen, rows, change }: FiltersProps) {
  const graders = [...new Set(rows.flatMap(({ grader }) => grader ?? []))].sort();
  return (
    <Group gap="xs" mb="sm" className="filter-bar">
      <SegmentedControl
        size="xs"
        aria-label={text.range}
        data={PRESETS.map((days) => ({ value: String(days), label: text.presets[days] }))}
        value={String(chosen.days)}
        onChange={(days) => change({ days: days === '30' ? undefined : days })}
      />
      <SegmentedControl
        size="xs"
        aria-label={text.source}
        data={(['all', 'items', 'runs'] as const).map((value) => ({
          value,
          label: text.sources[value],
        }))}
        value={chosen.source ?? 'all'}
        onChange={(next) => change({ source: next === 'all' ? undefined : next })}
      />
      <SegmentedControl
        size="xs"
        aria-label={text.measure}
        data={MEASURES.map((value) => ({ value, label: text.measures[value] }))}
        value={chosen.measure}
        onChange={(next) => change({ measure: next === 'pass_rate' ? undefined : next })}
      />
      <Subjects chosen={chosen} change={change} />
      {(graders.length > 0 || chosen.grader !== undefined) && (
        <Select
          size="xs"
          w={180}
          aria-label={text.grader}
          placeholder={text.anyGrader}
          data={[...new Set([...graders, ...(chosen.grader ? [chosen.grader] : [])])]}
          value={chosen.grader ?? null}
          onChange={(next) => change({ grader: next ?? undefined })}
          clearable
        />
      )}
    </Group>
  );
}

/** The choice of a data set, and of an agent or a workflow. */
function Subjects({ chosen, change }: Pick<FiltersProps, 'chosen' | 'change'>) {
  const datasets = useAnswer(datasetNames, {}).data?.datasets;
  const { agents, workflows } = useAnswer(agentNames, {}).data ?? {};
  return (
    <>
      <Select
        size="xs"
        w={180}
        aria-label={text.dataset}
        placeholder={text.anyDataset}
        data={choicesOf(datasets)}
        value={chosen.dataset_id ?? null}
        onChange={(next) => change({ dataset_id: next ?? undefined })}
        searchable
        clearable
      />
      <Select
        size="xs"
        w={220}
        aria-label={text.subject}
        placeholder={text.anySubject}
        data={[...choicesOf(agents), ...choicesOf(workflows)]}
        value={chosen.agent_id ?? chosen.workflow_id ?? null}
        onChange={(next) => {
          const isAgent = choicesOf(agents).some(({ value }) => value === next);
          change({
            agent_id: isAgent ? (next ?? undefined) : undefined,
            workflow_id: isAgent ? undefined : (next ?? undefined),
          });
        }}
        searchable
        clearable
      />
    </>
  );
}

type Named = { nodes: ({ id: string; name: string } | null)[] } | null | undefined;

const choicesOf = (list: Named) =>
  (list?.nodes ?? []).flatMap((node) => (node ? [{ value: node.id, label: node.name }] : []));
