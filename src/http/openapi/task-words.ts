/**
 * A unique word for each task, by its name, for operationIds and workflowIds. It is the name itself
 * unless that contains points, at which Arazzo runners cut names.
 */
export function taskWords(tasks: Iterable<{ readonly name: string }>): ReadonlyMap<string, string> {
  const names = [...tasks].map(({ name }) => name);
  const words = new Map(names.filter((name) => !name.includes('.')).map((name) => [name, name]));
  const taken = new Set(words.values());
  for (const name of names) {
    if (words.has(name)) continue;
    const plain = name.replaceAll('.', '_');
    let word = plain;
    for (let n = 2; taken.has(word); n += 1) word = `${plain}_${n}`;
    taken.add(word);
    words.set(name, word);
  }
  return words;
}
