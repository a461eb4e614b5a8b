import { useEffect, useState } from 'preact/hooks';
import { strings } from '../i18n';
import { addFiles } from './composer';
import { Icon } from './icons';

/** Takes files dropped anywhere on the page. */
export function DropZone() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    let depth = 0; // enter and leave come in pairs, once for each element on the way
    const withFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const enter = (event: DragEvent) => {
      if (withFiles(event) && ++depth > 0) setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (withFiles(event) && --depth <= 0) setOver(false);
    };
    const dragOver = (event: DragEvent) => withFiles(event) && event.preventDefault();
    const drop = (event: DragEvent) => {
      if (!withFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      void addFiles([...(event.dataTransfer?.files ?? [])]);
    };
    const listeners = { dragenter: enter, dragleave: leave, dragover: dragOver, drop } as const;
    for (const [name, listener] of Object.entries(listeners))
      addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(listeners))
        removeEventListener(name, listener as EventListener);
    };
  }, []);
  return over ? (
    <div class="drop-zone">
      <p>
        <Icon name="file" />
        {strings.value.dropHere}
      </p>
    </div>
  ) : null;
}
