import { Button, Group, Loader, Paper } from '@mantine/core';
import { Pause, Play } from 'lucide-react';
import { type ComponentType, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { apiUrl } from '../server/base-path.ts';
import type { RunRow } from '../server/operations.generated.ts';
import { SavedViews } from '../views/saved-views.tsx';
import type { BulkAction } from './bulk-actions.ts';
import { BulkDialog, type BulkSubject } from './bulk-dialog.tsx';
import { copyRuns } from './copy-runs.ts';
import { EmptyList } from './empty-list.tsx';
import { FilterBar } from './filter-bar.tsx';
import {
  type KnownNames,
  type RunFilter,
  readFilter,
  toQueryFilter,
  writeFilter,
} from './run-filter.ts';
import { type PeekState, RunsTable } from './runs-table.tsx';
import { SelectionBar } from './selection-bar.tsx';
import { type RunList, useNames, useRuns } from './use-runs.ts';
import { type Selection, useSelection } from './use-selection.ts';

const text = messages.runs;
const AFTER = 'after';
const PEEK = 'peek';

/** The properties of the drawer that shows a run beside the list. */
export type PeekProps = {
  id: string;
  /** The row of the run, if the list has it: the run is read again when the row changes. */
  row: RunRow | undefined;
  close(): void;
};

/** The list of runs. The URL holds the filter, the page, and the run that is shown beside it. */
export function RunsPage({ Peek }: { Peek: ComponentType<PeekProps> }) {
  const [, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  const [isLive, setLive] = useState(true);
  const filter = readFilter(search);
  const naming = useNames();
  const names = naming.known;
  const after = search.get(AFTER) ?? undefined;
  const list = useRuns(filter, names, { after, isLive });
  const show = (next: RunFilter, cursor?: string) => {
    const query = new URLSearchParams(writeFilter(next));
    if (cursor !== undefined) query.set(AFTER, cursor);
    navigate(query.size > 0 ? `/runs?${query}` : '/runs');
  };
  const known = names ?? { agents: new Map(), workflows: new Map() };
  const selection = useSelection(writeFilter(filter), list.rows);
  const peek = usePeek();
  const [bulk, setBulk] = useState<Bulk>();
  return (
    <>
      <PageTitle title={text.title} table="howdah.executions">
        {after === undefined && <LiveButton isLive={isLive} toggle={() => setLive(!isLive)} />}
        <ListMenus {...{ filter, show }} names={known} />
      </PageTitle>
      <FilterBar filter={filter} names={names} change={(next) => show({ ...filter, ...next })} />
      <Failures list={list} naming={naming} />
      <SelectionBar
        selection={selection}
        start={(action) => setBulk({ action, subject: subjectOf(selection, filter, known) })}
      />
      <Rows {...{ list, filter, selection, peek, show }} names={known} />
      <Pages {...{ list, after }} show={(cursor) => show(filter, cursor)} />
      {peek.id !== undefined && (
        <Peek
          key={peek.id}
          id={peek.id}
          row={list.rows.find(({ id }) => id === peek.id)}
          close={() => peek.show(undefined)}
        />
      )}
      {bulk && (
        <BulkDialog
          {...bulk}
          close={(hasChanged) => {
            setBulk(undefined);
            if (hasChanged) list.reload();
          }}
        />
      )}
    </>
  );
}

type ListMenusProps = { filter: RunFilter; names: KnownNames; show(filter: RunFilter): void };

/** The menus of the list: saved filters, and the request that reads the same runs. */
function ListMenus({ filter, names, show }: ListMenusProps) {
  return (
    <>
      <SavedViews
        place="runs"
        query={writeFilter(filter)}
        open={(query) => show(readFilter(new URLSearchParams(query)))}
      />
      <CopyAs
        forms={copyRuns(filter, { names, now: Date.now(), url: apiUrl('/api/executions') })}
      />
    </>
  );
}

type FailuresProps = { list: RunList; naming: ReturnType<typeof useNames> };

/** Why the list, its changes or the names of agents cannot be shown. */
function Failures({ list, naming }: FailuresProps) {
  const causes = [
    [list.failure, list.reload],
    [list.failure ? undefined : naming.failure, naming.reload],
    [list.liveFailure, list.restart],
  ] as const;
  return causes.map(
    ([failure, retry], index) =>
      failure && <FailureAlert key={String(index)} failure={failure} onRetry={retry} />,
  );
}

/** Keeps the run that is shown beside the list in the URL. */
function usePeek(): PeekState {
  const [path, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  return {
    id: search.get(PEEK) ?? undefined,
    show(id) {
      if (id === undefined) search.delete(PEEK);
      else search.set(PEEK, id);
      navigate(search.size > 0 ? `${path}?${search}` : path, { replace: true });
    },
  };
}

type Bulk = { action: BulkAction; subject: BulkSubject };

/** Returns what an action is about: the selected rows, or the filter that all of them match. */
function subjectOf(selection: Selection, filter: RunFilter, names: KnownNames): BulkSubject {
  if (!selection.isAll) return { ids: selection.ids };
  return { filter: toQueryFilter(filter, names, Date.now()) };
}

type PagesProps = { list: RunList; after: string | undefined; show(cursor?: string): void };

function Pages({ list, after, show }: PagesProps) {
  return (
    <Group mt="sm" gap="xs">
      {after !== undefined && (
        <Button variant="default" size="xs" onClick={() => show()}>
          {text.newer}
        </Button>
      )}
      {list.next !== undefined && (
        <Button variant="default" size="xs" onClick={() => show(list.next)}>
          {text.older}
        </Button>
      )}
    </Group>
  );
}

function LiveButton({ isLive, toggle }: { isLive: boolean; toggle(): void }) {
  const Icon = isLive ? Pause : Play;
  return (
    <Button
      variant="default"
      size="xs"
      leftSection={<Icon size={14} aria-hidden />}
      onClick={toggle}
    >
      {isLive ? text.pause : text.resume}
    </Button>
  );
}

type RowsProps = {
  list: RunList;
  filter: RunFilter;
  selection: Selection;
  peek: PeekState;
  names: KnownNames;
  show(filter: RunFilter): void;
};

function Rows({ list, filter, selection, peek, names, show }: RowsProps) {
  if (list.isLoading && list.rows.length === 0) {
    return <Loader size="sm" aria-label={messages.common.loading} />;
  }
  if (list.failure && list.rows.length === 0) return null;
  if (list.rows.length > 0) {
    return (
      <Paper withBorder radius="md" className="table-frame">
        <RunsTable
          rows={list.rows}
          selection={selection}
          peek={peek}
          isGrouped={filter.isGrouped}
        />
      </Paper>
    );
  }
  return <EmptyList {...{ filter, names, show }} />;
}
