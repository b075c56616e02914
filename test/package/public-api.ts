import path from 'node:path';
import { SyntaxKind, type Node } from 'typescript/unstable/ast';
import {
  isBlock,
  isExpressionWithTypeArguments,
  isImportTypeNode,
  isPrivateIdentifier,
  isTypeReferenceNode,
} from 'typescript/unstable/ast/is';
import { API, SymbolFlags, type Project, type Symbol } from 'typescript/unstable/sync';

const root = path.join(import.meta.dirname, '..', '..');

/** One name that a module exports, with its doc comment and the types it refers to. */
export type PublicName = {
  readonly name: string;
  /** Its name and file where it is declared, as `name (file)`. */
  readonly declaration: string;
  readonly isDocumented: boolean;
  /**
   * Our types that its declaration refers to, as `name (file)`, except in bodies and private
   * members.
   */
  readonly names: readonly string[];
};

/**
 * The exports of modules as the compiler sees them: re-exports and `export *` are followed to the
 * declaration. The compiler's API counts as unstable while TypeScript 7 is young; the lock file
 * holds the version, and only this file depends on it.
 */
export function publicNames(modules: readonly string[]): Map<string, readonly PublicName[]> {
  const config = path.join(root, 'tsconfig.json');
  const api = new API({ cwd: root });
  try {
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    if (project === undefined) throw new Error(`${config} is no project.`);
    return new Map(modules.map((module) => [module, namesOf(project, module)]));
  } finally {
    api.close();
  }
}

function namesOf(project: Project, module: string): readonly PublicName[] {
  const { checker, program } = project;
  const source = program.getSourceFile(path.join(root, module));
  const symbol = source && checker.getSymbolAtLocation(source);
  if (symbol === undefined) throw new Error(`${module} is no module of the project.`);
  return checker.getExportsOfModule(symbol).map((exported) => {
    const target = declared(project, exported);
    const nodes = target.declarations.map((declaration) => declaration.resolve(project));
    const names = new Set(nodes.flatMap((node) => (node ? ownTypesIn(project, node) : [])));
    return {
      name: exported.name,
      declaration: labelOf(target),
      isDocumented: target.getDocumentationComment(checker).trim() !== '',
      names: [...names].filter((name) => name !== labelOf(target)),
    };
  });
}

function declared({ checker }: Project, symbol: Symbol): Symbol {
  return (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
}

function fileOf(symbol: Symbol): string {
  return path.relative(root, symbol.declarations[0]?.path ?? root);
}

function labelOf(symbol: Symbol): string {
  return `${symbol.name} (${fileOf(symbol)})`;
}

function ownTypesIn(project: Project, node: Node): string[] {
  if (isBlock(node) || isPrivate(node)) return [];
  const found: string[] = [];
  const name = typeNameOf(node);
  const symbol = name && project.checker.getSymbolAtLocation(name);
  if (symbol !== undefined) {
    const type = declared(project, symbol);
    const isOurs = type.declarations.some(({ path: file }) =>
      /^src\/|^test\//.test(path.relative(root, file)),
    );
    if (isOurs && (type.flags & SymbolFlags.TypeParameter) === 0) found.push(labelOf(type));
  }
  node.forEachChild((child) => {
    found.push(...ownTypesIn(project, child));
  });
  return found;
}

function typeNameOf(node: Node): Node | undefined {
  if (isTypeReferenceNode(node)) return node.typeName;
  if (isImportTypeNode(node)) return node.qualifier;
  if (isExpressionWithTypeArguments(node)) return node.expression;
  return undefined;
}

function isPrivate(node: Node): boolean {
  const { name, modifiers } = node as Node & {
    readonly name?: Node;
    readonly modifiers?: readonly Node[];
  };
  const isMarked = modifiers?.some(({ kind }) => kind === SyntaxKind.PrivateKeyword) === true;
  return isMarked || (name !== undefined && isPrivateIdentifier(name));
}
