/** The file that is opened when none is named, under the working directory. */
export const DEFAULT_FILE = 'data/app.db';
