import GRDB
import Input

/// The tables of a store.
///
/// A record is stored whole, as the JSON that `dyno bench` prints; the columns to search by are
/// computed from it, so a field that a later Dyno adds to records is kept without a new schema.
enum StoreSchema {
  /// Raised when a table changes.
  static let version = 1
  /// "DYNO", in SQLite's header, where `file` and we tell a store from other databases.
  static let applicationID = 0x4459_4E4F

  /// The field of a record that each computed column holds.
  static let fields: [(column: String, path: String)] = [
    ("record_schema", "schema_version"), ("build_commit", "build_commit"),
    ("architecture", "model_type"), ("dtype", "type_weights"), ("cache_dtype", "type_k"),
    ("threads", "n_threads"), ("batch", "n_sequences"), ("depth", "n_depth"),
    ("prompt", "n_prompt"), ("generate", "n_gen"),
  ]

  /// What makes an empty database a store.
  static var creation: String {
    let computed = fields.map {
      "\($0.column) GENERATED ALWAYS AS (json_extract(record, '$.\($0.path)')) VIRTUAL"
    }
    return """
      CREATE TABLE runs (
        id TEXT PRIMARY KEY NOT NULL,
        command TEXT NOT NULL,
        started_at TEXT NOT NULL,
        details TEXT NOT NULL CHECK (json_valid(details))
      );
      CREATE TABLE cells (
        key TEXT PRIMARY KEY NOT NULL,  -- SHA-256 of identity
        identity TEXT NOT NULL CHECK (json_valid(identity))
      );
      CREATE TABLE results (
        uid TEXT PRIMARY KEY NOT NULL,  -- SHA-256 of the row: what makes merging idempotent
        cell TEXT REFERENCES cells (key),  -- of a sweep
        block INTEGER,
        run TEXT NOT NULL REFERENCES runs (id),
        status TEXT NOT NULL CHECK (status IN ('measured', 'failed')),
        finished_at TEXT NOT NULL,
        record TEXT NOT NULL CHECK (json_valid(record)),
        \(computed.joined(separator: ",\n  "))
      );
      CREATE INDEX results_by_cell ON results (cell, block, status);
      CREATE INDEX results_by_record_schema ON results (record_schema);
      CREATE INDEX results_by_architecture ON results (architecture, dtype, batch, depth);
      CREATE INDEX results_by_commit ON results (build_commit);
      CREATE VIEW samples AS
        SELECT results.uid, json_each.key AS position, json_each.value AS nanoseconds
        FROM results, json_each(results.record, '$.samples_ns')
        WHERE results.status = 'measured';
      PRAGMA application_id = \(applicationID);
      PRAGMA user_version = \(version);
      """
  }

  // MARK: Checking

  /// What a database has under the names that we read and write, and whatever acts by itself.
  private static func objects(_ database: Database) throws -> [String: String] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT type || ' ' || lower(name), coalesce(sql, '') FROM sqlite_master
        WHERE lower(name) IN ('runs', 'cells', 'results') OR type = 'trigger'
        """)
    return Dictionary(
      rows.map { row in
        let name = String.fromDatabaseValue(row[0]) ?? "?"
        let text = String.fromDatabaseValue(row[1]) ?? ""
        return (name, text.split(whereSeparator: \.isWhitespace).joined(separator: " "))
      }, uniquingKeysWith: { first, _ in first })
  }

  private static let ours: [String: String] = {
    // A database in memory that cannot take three tables cannot take a store either.
    let made = try? DatabaseQueue().write { database in
      try database.execute(sql: creation)
      return try objects(database)
    }
    return made ?? [:]
  }()

  /// Refuses a database whose tables are not those that a store has: a view, a trigger or a table of
  /// others could make anything of what we ask for.
  static func check(_ database: Database, _ path: String) throws {
    let theirs = try objects(database)
    for name in Set(theirs.keys).union(ours.keys).sorted() where theirs[name] != ours[name] {
      throw InputError(
        path, problem: "is not a sound store (its \(name) is not Dyno's)",
        expected: ResultStore.kind)
    }
  }
}
