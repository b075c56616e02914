/**
 * Types by which `createClient<typeof rc>()` reads names, inputs and outputs off the server object.
 * They are structural, because the client imports nothing of the engine and must work in a
 * browser's bundle.
 */
type TaskLike = {
  readonly name: string;
  readonly types?: { readonly input: unknown; readonly output: unknown } | undefined;
};

/** The union of the tasks listed in `App.tasks`. */
type TasksOf<App> = App extends { readonly tasks?: infer Tasks }
  ? NonNullable<Tasks> extends readonly TaskLike[]
    ? NonNullable<Tasks>[number]
    : TaskLike
  : TaskLike;

type TaskNamed<App, Name> = Extract<TasksOf<App>, { readonly name: Name }>;

/**
 * The names of the tasks in `App` (`typeof rc`, or a config); any string where its type has none.
 */
export type TaskName<App> = TasksOf<App>['name'];

/** The input that the task's validator accepts; unknown where the app's type does not say. */
export type InputOf<App, Name> = Carried<TaskNamed<App, Name>, 'input'>;
/**
 * The value that the task's handler returns, with a `file()` as a File; unknown where the app's
 * type does not say.
 */
export type OutputOf<App, Name> = Received<Carried<TaskNamed<App, Name>, 'output'>>;

type Carried<Task, Part extends 'input' | 'output'> = [Task] extends [never]
  ? unknown
  : Task extends { readonly types?: infer Types }
    ? NonNullable<Types>[Part & keyof NonNullable<Types>]
    : unknown;

/** A handler's `file()` arrives as a File. */
type Received<Output> = Output extends {
  readonly content: unknown;
  readonly type: string;
  readonly name: string;
}
  ? File
  : Output;
