import {
  ActionIcon,
  Button,
  FileButton,
  Group,
  Pill,
  Text,
  Textarea,
  VisuallyHidden,
} from '@mantine/core';
import { ArrowUp, Paperclip, Square } from 'lucide-react';
import { type ClipboardEvent, type DragEvent, type KeyboardEvent, useRef, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { type Failure, toFailure } from '../server/failure.ts';
import { useMayWrite } from '../server/me.tsx';

const text = messages.chat;

type ComposerProps = {
  /** Sends a message. Throws a `Failure`; the message then stays to be sent again. */
  send(content: string, files: readonly File[], key: string): Promise<void>;
  /** Stops the run at work. Undefined if none is. */
  stop: (() => void) | undefined;
  isDisabled: boolean;
  children?: React.ReactNode;
};

/**
 * The field of a new message. Enter sends it. A message that is sent again after a lost connection
 * has the same key, so it counts once.
 */
export function Composer(props: ComposerProps) {
  if (useMayWrite('executions')) return <MessageForm {...props} />;
  return (
    <Text size="sm" c="dimmed">
      {text.mayNotRun}
    </Text>
  );
}

function MessageForm({ send, stop, isDisabled, children }: ComposerProps) {
  const [content, setContent] = useState('');
  const [files, setFiles] = useState<readonly File[]>([]);
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  const key = useRef(crypto.randomUUID());
  const isEmpty = content.trim() === '' && files.length === 0;
  const submit = async () => {
    if (isEmpty || isBusy || isDisabled) return;
    setBusy(true);
    setFailure(undefined);
    try {
      await send(content, files, key.current);
      setContent('');
      setFiles([]);
      key.current = crypto.randomUUID();
    } catch (error) {
      setFailure(toFailure(error));
    }
    setBusy(false);
  };
  const change = (next: string) => {
    setContent(next);
    key.current = crypto.randomUUID();
  };
  const changeFiles = (next: readonly File[]) => {
    setFiles(next);
    key.current = crypto.randomUUID();
  };
  const add = (more: FileList | readonly File[]) => changeFiles([...files, ...more]);
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event: DragEvent) => {
        const dropped = event.dataTransfer.files;
        if (dropped.length === 0) return;
        event.preventDefault();
        add(dropped);
      }}
    >
      {failure && <FailureAlert failure={failure} />}
      <Files files={files} remove={(file) => changeFiles(files.filter((one) => one !== file))} />
      <Words content={content} change={change} submit={() => void submit()} add={add} />
      <Group justify="space-between" mt={6} gap="xs">
        <Group gap="xs">
          <AttachButton add={add} />
          {children}
        </Group>
        <SendButtons stop={stop} isDisabled={isEmpty || isDisabled} isBusy={isBusy} />
      </Group>
    </form>
  );
}

type WordsProps = {
  content: string;
  change(content: string): void;
  submit(): void;
  add(files: FileList): void;
};

function Words({ content, change, submit, add }: WordsProps) {
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  const onPaste = (event: ClipboardEvent) => {
    const { files } = event.clipboardData;
    if (files.length === 0) return;
    event.preventDefault();
    add(files);
  };
  return (
    <Textarea
      aria-label={text.message}
      placeholder={text.placeholder}
      value={content}
      onChange={(event) => change(event.currentTarget.value)}
      onKeyDown={onKey}
      onPaste={onPaste}
      autosize
      minRows={2}
      maxRows={12}
      autoFocus
      data-autofocus
    />
  );
}

function Files({ files, remove }: { files: readonly File[]; remove(file: File): void }) {
  if (files.length === 0) return null;
  return (
    <Pill.Group mb={6}>
      {files.map((file, index) => (
        <Pill
          key={`${index} ${file.name}`}
          withRemoveButton
          onRemove={() => remove(file)}
          removeButtonProps={{ 'aria-label': text.removeFile(file.name) }}
        >
          {file.name}
        </Pill>
      ))}
    </Pill.Group>
  );
}

function AttachButton({ add }: { add(files: File[]): void }) {
  return (
    <FileButton onChange={add} multiple inputProps={{ 'aria-label': text.attach }}>
      {(props) => (
        <ActionIcon {...props} variant="default" size="md" aria-label={text.attach}>
          <Paperclip size={16} aria-hidden />
        </ActionIcon>
      )}
    </FileButton>
  );
}

type SendProps = { stop: (() => void) | undefined; isDisabled: boolean; isBusy: boolean };

function SendButtons({ stop, isDisabled, isBusy }: SendProps) {
  return (
    <Group gap="xs">
      {stop && (
        <Button
          size="xs"
          variant="default"
          leftSection={<Square size={12} aria-hidden />}
          onClick={stop}
        >
          {text.stop}
        </Button>
      )}
      <Button
        type="submit"
        size="xs"
        disabled={isDisabled}
        loading={isBusy}
        rightSection={<ArrowUp size={14} aria-hidden />}
      >
        {text.send}
      </Button>
      <VisuallyHidden>{text.keys}</VisuallyHidden>
    </Group>
  );
}
