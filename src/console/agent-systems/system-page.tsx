import { Button, Group, Loader, Paper, Select, Stack, Text } from '@mantine/core';
import { type ReactNode, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { Graph } from '../graph/graph-tab.tsx';
import { graphOf, type Team } from '../graph/workflow-graph.ts';
import { messages } from '../messages/messages.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { isId, rowOfPath, SYSTEMS, systemPath } from '../rows/paths.ts';
import { apiUrl } from '../server/base-path.ts';
import { useMayWrite } from '../server/me.tsx';
import { useRest } from '../server/rest.ts';
import { ApplyDialog } from './apply-dialog.tsx';
import { copySystem } from './copy-system.ts';
import { teamsOf } from './file-teams.ts';
import { type Fault, useCheck } from './use-check.ts';
import { type EditorHandle, YamlEditor } from './yaml-editor.tsx';

const text = rowTexts.systems;

/** The page of a system that does not exist yet. It begins with an example. */
export function NewSystemPage() {
  return <SystemEditor title={text.newTitle} initial={text.example} />;
}

type Heading = { id: string; name: string; version: number };

/** The page of a system, by its name or its id: its file, as the server exports it. */
export function SystemFilePage({ part }: { part: string }) {
  const sought = rowOfPath(part);
  const found = useRest<Heading | { data: Heading[] }>(
    isId(sought)
      ? `/agent-systems/${sought}`
      : `/agent-systems?${new URLSearchParams({ name: sought, limit: '1' })}`,
  );
  const body = found.data?.body;
  const system = body && 'data' in body ? body.data[0] : body;
  const name = system?.name ?? sought;
  const file = useRest<string>(system && `/agent-systems/${system.id}/export`);
  const failure = found.failure ?? file.failure;
  const reload = found.failure ? found.reload : file.reload;
  if (system && file.data) {
    return (
      <SystemEditor
        key={system.version}
        title={name}
        name={name}
        initial={file.data.body}
        applied={() => {
          found.reload();
          file.reload();
        }}
      />
    );
  }
  return (
    <>
      <PageTitle title={name} table="howdah.agent_systems" />
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {(found.isLoading || file.isLoading) && (
        <Loader size="sm" aria-label={messages.common.loading} />
      )}
      {found.data && !system && <Text size="sm">{text.notFound}</Text>}
    </>
  );
}

type EditorProps = {
  title: string;
  /** Undefined for a new system. */
  name?: string;
  initial: string;
  applied?(): void;
};

/** The text of a system beside the picture of its workflows, with the faults of the text below. */
function SystemEditor({ title, name, initial, applied }: EditorProps) {
  const [, navigate] = useLocation();
  const [file, setFile] = useState(initial);
  const [isApplying, setApplying] = useState(false);
  const editor = useRef<EditorHandle>(null);
  const { check, isCurrent, failure, reload } = useCheck(file);
  const mayWrite = useMayWrite('agent_systems');
  const faults = check?.faults ?? NO_FAULTS;
  return (
    <>
      <PageTitle title={title} table="howdah.agent_systems">
        <Button size="xs" variant="subtle" component={Link} href={SYSTEMS}>
          {text.all}
        </Button>
        <CopyAs forms={copySystem(name, apiUrl('/'))} />
        {mayWrite && (
          <Button
            size="xs"
            onClick={() => setApplying(true)}
            disabled={!isCurrent || check?.valid !== true}
          >
            {text.apply}
          </Button>
        )}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      <div className="system-editor">
        <Stack gap="xs">
          <YamlEditor
            ref={editor}
            label={text.file}
            initial={initial}
            faults={faults}
            change={setFile}
          />
          <State isCurrent={isCurrent} faults={faults}>
            <Faults faults={faults} show={(fault) => editor.current?.show(fault)} />
          </State>
        </Stack>
        <Picture file={file} />
      </div>
      {isApplying && (
        <ApplyDialog
          file={file}
          close={() => setApplying(false)}
          applied={(system) => {
            setApplying(false);
            applied?.();
            if (system !== name) navigate(systemPath(system));
          }}
        />
      )}
    </>
  );
}

const NO_FAULTS: readonly Fault[] = [];

type StateProps = { isCurrent: boolean; faults: readonly Fault[]; children: ReactNode };

/** Says whether the text could be applied. */
function State({ isCurrent, faults, children }: StateProps) {
  return (
    <section aria-label={text.faults} aria-live="polite">
      <Text size="sm" fw={600}>
        {isCurrent ? text.state(faults.length) : text.checking}
      </Text>
      {children}
    </section>
  );
}

type FaultsProps = { faults: readonly Fault[]; show(fault: Fault): void };

/** The faults in the order of the text. Each leads to its place. */
function Faults({ faults, show }: FaultsProps) {
  return (
    <ul className="file-faults">
      {faults.map((fault) => (
        <li className="fault-line" key={`${fault.line}:${fault.column} ${fault.message}`}>
          <Button size="compact-xs" variant="default" onClick={() => show(fault)}>
            {text.place(fault.line, fault.column)}
          </Button>
          <span className="user-text">
            {fault.message}
            {fault.hint && <span className="fault-hint"> {fault.hint}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** The workflows of the text, one at a time. A text that cannot be read keeps the last picture. */
function Picture({ file }: { file: string }) {
  const [chosen, choose] = useState<string>();
  const last = useRef<ReadonlyMap<string, Team>>(new Map());
  const teams = teamsOf(file) ?? last.current;
  last.current = teams;
  const names = [...teams.keys()];
  const shown = names.find((name) => name === chosen) ?? names.at(-1);
  const team = shown === undefined ? undefined : teams.get(shown);
  return (
    <section aria-label={text.picture} className="system-picture">
      <Group gap="xs" mb="xs" align="flex-end">
        <Select
          size="xs"
          label={text.workflow}
          data={names}
          value={shown ?? null}
          onChange={(next) => choose(next ?? undefined)}
          disabled={names.length === 0}
          allowDeselect={false}
        />
      </Group>
      {team ? (
        <>
          <Text size="sm" c="dimmed" mb="xs">
            {messages.graph.types[team.type]}
          </Text>
          <Paper withBorder radius="md" className="graph-frame">
            <Graph graph={graphOf(team)} states={undefined} />
          </Paper>
        </>
      ) : (
        <Text size="sm">{text.noWorkflow}</Text>
      )}
    </section>
  );
}
