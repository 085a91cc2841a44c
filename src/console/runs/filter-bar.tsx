import { Button, Checkbox, Group, MultiSelect, Select } from '@mantine/core';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { FilterFrame } from '../lists/filter-frame.tsx';
import { messages } from '../messages/messages.ts';
import { TextFilter } from '../parts/text-filter.tsx';
import type { ExecutionStatus } from '../server/operations.generated.ts';
import { isRef, type KnownNames, type RunFilter, readMetadata } from './run-filter.ts';

const text = messages.runs;

type FilterBarProps = {
  filter: RunFilter;
  names: KnownNames | undefined;
  change(next: Partial<RunFilter>): void;
};

/** The filter of the list of runs. Each change is a new URL. */
export function FilterBar({ filter, names, change }: FilterBarProps) {
  return (
    <FilterFrame count={countConditions(filter)} align="flex-start" role="search">
      <StatusFilter filter={filter} change={change} />
      <NameFilter filter={filter} names={names} change={change} />
      <Select
        aria-label={text.filters.since}
        data={Object.entries(text.since).map(([value, label]) => ({ value, label }))}
        value={filter.since ?? ''}
        onChange={(value) => change({ since: value || undefined })}
        allowDeselect={false}
        size="xs"
        w={150}
      />
      <TextFilter
        label={text.filters.metadata}
        value={filter.metadata ?? ''}
        change={(written) => change({ metadata: written || undefined })}
        isValid={(written) => readMetadata(written) !== undefined}
        placeholder={text.metadataPlaceholder}
        fault={text.metadataInvalid}
      />
      <TextFilter
        label={text.filters.ref}
        value={filter.ref ?? ''}
        change={(written) => change({ ref: written || undefined })}
        isValid={isRef}
        placeholder={text.refPlaceholder}
        fault={text.refInvalid}
      />
      <Checkbox
        label={text.filters.children}
        checked={filter.withChildren}
        onChange={(event) => change({ withChildren: event.currentTarget.checked })}
        size="xs"
        className="children-filter"
      />
      <Checkbox
        label={text.filters.group}
        checked={filter.isGrouped}
        onChange={(event) => change({ isGrouped: event.currentTarget.checked })}
        size="xs"
        className="children-filter"
      />
      {filter.session && (
        <Button size="xs" variant="default" onClick={() => change({ session: undefined })}>
          {text.filters.session} {filter.session.slice(-6)} ×
        </Button>
      )}
    </FilterFrame>
  );
}

function countConditions({ statuses, agent, workflow, since, metadata, ref, ...more }: RunFilter) {
  const conditions = [statuses.length > 0, agent, workflow, since, metadata, ref, more.session];
  return [...conditions, more.withChildren].filter(Boolean).length;
}

type PartProps = Pick<FilterBarProps, 'filter' | 'change'>;

function StatusFilter({ filter, change }: PartProps) {
  const isSet = filter.statuses.length > 0;
  return (
    <Group gap={4} wrap="nowrap" align="flex-start">
      {isSet && (
        <Button
          size="xs"
          variant={filter.isNegated ? 'filled' : 'default'}
          aria-pressed={filter.isNegated}
          onClick={() => change({ isNegated: !filter.isNegated })}
        >
          {text.not}
        </Button>
      )}
      <MultiSelect
        aria-label={text.filters.status}
        placeholder={isSet ? undefined : text.anyStatus}
        data={enumLabels.execution_status.map((value) => ({
          value,
          label: messages.status[value],
        }))}
        value={[...filter.statuses]}
        onChange={(values) => change({ statuses: values as ExecutionStatus[] })}
        size="xs"
        miw={150}
        maw={320}
      />
    </Group>
  );
}

function NameFilter({ filter, names, change }: FilterBarProps) {
  const value = filter.agent
    ? `agent ${filter.agent}`
    : filter.workflow && `workflow ${filter.workflow}`;
  const groups = groupsOf(names);
  const isKnown = !value || groups.some(({ items }) => items.some((one) => one.value === value));
  const data = isKnown
    ? groups
    : [...groups, { group: '', items: [{ value, label: filter.agent ?? filter.workflow ?? '' }] }];
  return (
    <Select
      aria-label={text.filters.agent}
      placeholder={text.filters.agent}
      data={data}
      value={value ?? null}
      onChange={(next) => {
        const [, kind, name] = /^(agent|workflow) (.*)$/s.exec(next ?? '') ?? [];
        change({
          agent: kind === 'agent' ? name : undefined,
          workflow: kind === 'workflow' ? name : undefined,
        });
      }}
      searchable
      clearable
      size="xs"
      w={190}
    />
  );
}

/** Returns the agents and the workflows. A name that is both is followed by what it is. */
function groupsOf(names: KnownNames | undefined) {
  const { agents, workflows } = names ?? {};
  const itemsOf = (kind: 'agent' | 'workflow', own: KnownNames['agents'] | undefined) =>
    [...(own?.keys() ?? [])].map((name) => ({
      value: `${kind} ${name}`,
      label: agents?.has(name) && workflows?.has(name) ? messages.kinds.named(name, kind) : name,
    }));
  return [
    { group: messages.chat.agents, items: itemsOf('agent', agents) },
    { group: messages.chat.workflows, items: itemsOf('workflow', workflows) },
  ].filter(({ items }) => items.length > 0);
}
