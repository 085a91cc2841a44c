import { Button, FileButton, Group, Paper, Text, Title } from '@mantine/core';
import { Upload as UploadIcon } from 'lucide-react';
import { type DragEvent, useRef, useState } from 'react';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { apiUrl } from '../../server/base-path.ts';
import { type Failure, toFailure } from '../../server/failure.ts';
import { type Base, copyUpload } from '../copy-knowledge.ts';
import { AddUrl } from './add-url.tsx';
import { LanguageSelect } from './language-select.tsx';
import { ENDINGS, sendFile } from './send-file.ts';

const text = knowledgeTexts.upload;

type Language = string | null;
type Sent = {
  key: string;
  file: File;
  language: Language;
  state: 'waiting' | 'sending' | 'added';
  failure?: Failure;
};

/** Adds files to a base, one after the other, and URLs. Files that fail stay with their reason. */
export function Upload({ base, added }: { base: Base; added(): void }) {
  const [language, setLanguage] = useState<Language>(null);
  const { files, add, again, clear } = useUploads(base.id, language, added);
  const [isOver, setOver] = useState(false);
  const choose = useRef<() => void>(null);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    add([...event.dataTransfer.files]);
  };
  return (
    <section aria-label={text.title} className="upload">
      <Group justify="space-between" mb="xs" gap="xs">
        <Title order={2} size="h5">
          {text.title}
        </Title>
        <CopyAs forms={copyUpload(base, apiUrl('/'))} />
      </Group>
      <Paper
        withBorder
        radius="md"
        p="md"
        className="drop-zone"
        data-over={isOver || undefined}
        onDragOver={(event: DragEvent) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <FileButton multiple accept={ENDINGS.join(',')} onChange={add} resetRef={choose}>
          {(props) => (
            <Button
              {...props}
              size="xs"
              variant="default"
              leftSection={<UploadIcon size={14} aria-hidden />}
            >
              {text.choose}
            </Button>
          )}
        </FileButton>
        <Text size="xs" c="dimmed">
          {text.hint(ENDINGS.join(', '))}
        </Text>
      </Paper>
      {files.length > 0 && <Files {...{ files, again, clear }} />}
      <LanguageSelect value={language} onChange={setLanguage} />
      <AddUrl baseId={base.id} {...{ language, added }} />
    </section>
  );
}

/** Sends files in their order, one at a time, so that a large number does not crowd the server. */
function useUploads(baseId: string, language: Language, added: () => void) {
  const [files, setFiles] = useState<readonly Sent[]>([]);
  const chain = useRef(Promise.resolve());
  const change = (key: string, next: Partial<Sent>) =>
    setFiles((all) => all.map((one) => (one.key === key ? { ...one, ...next } : one)));
  const send = async ({ key, file, language: chosen }: Sent) => {
    change(key, { state: 'sending', failure: undefined });
    try {
      await sendFile(baseId, file, { key, language: chosen });
      change(key, { state: 'added' });
      added();
    } catch (error) {
      change(key, { state: 'waiting', failure: toFailure(error) });
    }
  };
  const queue = (one: Sent) => {
    chain.current = chain.current.then(() => send(one));
  };
  const add = (chosen: readonly File[]) => {
    const more = chosen.map(
      (file): Sent => ({ key: crypto.randomUUID(), file, language, state: 'waiting' }),
    );
    setFiles((all) => [...all, ...more]);
    more.forEach(queue);
  };
  const clear = () =>
    setFiles((all) => all.filter(({ state, failure }) => state !== 'added' && !failure));
  return { files, add, again: queue, clear };
}

type FilesProps = { files: readonly Sent[]; again(one: Sent): void; clear(): void };

function Files({ files, again, clear }: FilesProps) {
  return (
    <>
      <ul className="sent-files" aria-label={text.list} aria-live="polite">
        {files.map((one) => (
          <li key={one.key}>
            <Group justify="space-between" gap="xs" wrap="nowrap">
              <Text size="sm" className="user-text">
                {one.file.name}
              </Text>
              {one.failure ? (
                <Button size="compact-xs" variant="default" onClick={() => again(one)}>
                  {text.again}
                </Button>
              ) : (
                <Text size="xs" c="dimmed">
                  {text[one.state]}
                </Text>
              )}
            </Group>
            {one.failure && (
              <Text size="xs" className="fault user-text">
                {[one.failure.message, one.failure.hint].filter(Boolean).join(' ')}
              </Text>
            )}
          </li>
        ))}
      </ul>
      <Button size="compact-xs" variant="subtle" onClick={clear}>
        {text.clear}
      </Button>
    </>
  );
}
