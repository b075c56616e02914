import { limits } from '../core/limits.ts';
import type { Note, Store } from '../store/store.ts';

export type NoteVerbs = Pick<
  Store,
  'readNote' | 'writeNote' | 'readNotes' | 'removeNotes' | 'replaceNote'
>;

export function noteVerbs(requireOpen: () => void): NoteVerbs {
  const notes = new Map<string, Omit<Note, 'ageMs'>>();
  const later = (name: string, now: number): number =>
    Math.max(now, (notes.get(name)?.writtenAt ?? -Infinity) + 1);
  return {
    async readNote({ name }) {
      requireOpen();
      return notes.get(name)?.text ?? null;
    },
    async writeNote({ name, text, now }) {
      requireOpen();
      notes.set(name, { name, text, writtenAt: later(name, now) });
    },
    async replaceNote({ name, text, over, now }) {
      requireOpen();
      if ((notes.get(name)?.writtenAt ?? null) !== over) return 'changed';
      notes.set(name, { name, text, writtenAt: later(name, now) });
      return 'replaced';
    },
    async readNotes({ prefix, now }) {
      requireOpen();
      return [...notes.values()]
        .filter(({ name }) => name.startsWith(prefix))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .slice(0, limits.notesRead)
        .map((note) => ({ ...note, ageMs: Math.max(0, now - note.writtenAt) }));
    },
    async removeNotes({ names, unwrittenMs, now }) {
      requireOpen();
      const isOld = (name: string): boolean =>
        (notes.get(name)?.writtenAt ?? Infinity) <= now - unwrittenMs;
      return names.filter((name) => isOld(name) && notes.delete(name)).length;
    },
  };
}
