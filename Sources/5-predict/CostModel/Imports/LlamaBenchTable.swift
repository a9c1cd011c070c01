import Foundation
import Input

/// `llama-bench`'s results as it prints them besides JSON: comma-separated values and SQL. Both quote
/// all values and list no samples.
enum LlamaBenchTable {
  /// Columns whose values are texts even where they look like numbers.
  private static let texts: Set = [
    "build_commit", "cpu_info", "gpu_info", "backends", "model_filename", "model_type", "cpu_mask",
    "type_k", "type_v", "split_mode", "devices", "tensor_split", "tensor_buft_overrides",
    "test_time", "load_mode", "lazy_mode",
  ]
  /// Columns of those that are read whose 0 and 1 say no and yes.
  private static let flags: Set = [
    "no_kv_offload", "cuda", "vulkan", "kompute", "metal", "sycl", "opencl", "gpu_blas",
  ]
  private static let insertion = "INSERT INTO llama_bench"
  private static let creation = "CREATE TABLE IF NOT EXISTS llama_bench"

  static func recognizes(_ columns: [String]) -> Bool {
    ["model_type", "n_prompt", "n_gen", "avg_ns"].allSatisfy(columns.contains)
  }

  static func recognizes(sql text: String) -> Bool {
    text.hasPrefix(creation) || text.hasPrefix(insertion)
  }

  /// Rows as the records that JSON has, each with its line.
  static func records(_ table: DelimitedText) -> [(line: Int, fields: JSONObject)] {
    table.rows.map { line, cells in (line, record(table.columns, cells)) }
  }

  /// Each `INSERT` of a script as a record, with its line.
  ///
  /// - Throws: `InputError` that names the line of one that cannot be read.
  static func records(sql text: String) throws -> [(line: Int, fields: JSONObject)] {
    var records: [(Int, JSONObject)] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    where line.hasPrefix(insertion) {
      records.append((index + 1, try within("row \(index + 1)") { try insert(line) }))
    }
    return records
  }

  private static func insert(_ line: Substring) throws -> JSONObject {
    let wrong = InputError(
      problem: "is no insertion of named columns",
      expected: "\(insertion) (COLUMN, …) VALUES ('VALUE', …);")
    guard let open = line.firstIndex(of: "("), let close = line[open...].firstIndex(of: ")"),
      let values = line[close...].range(of: "VALUES (")
    else { throw wrong }
    let columns = line[line.index(after: open)..<close].split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    var cells: [String] = []
    var rest = line[values.upperBound...]
    while let quote = rest.firstIndex(of: "'") {
      var cell = ""
      var index = rest.index(after: quote)
      while true {
        guard index < rest.endIndex else { throw wrong }
        let next = rest.index(after: index)
        if rest[index] == "'" {
          // Two of them stand for one.
          guard next < rest.endIndex, rest[next] == "'" else { break }
          index = next
        }
        cell.append(rest[index])
        index = rest.index(after: index)
      }
      cells.append(cell)
      rest = rest[rest.index(after: index)...]
    }
    guard cells.count == columns.count else {
      throw InputError(
        problem: "has \(cells.count) values", expected: "\(columns.count), as columns are named")
    }
    guard Set(columns).count == columns.count else { throw wrong }
    return record(columns, cells)
  }

  private static func record(_ columns: [String], _ cells: [String]) -> JSONObject {
    JSONObject(
      Dictionary(
        zip(columns, cells).map { column, cell in
          if texts.contains(column) { return (column, .string(cell)) }
          if flags.contains(column), ["0", "1"].contains(cell) {
            return (column, .bool(cell == "1"))
          }
          if let integer = Int(cell) { return (column, .integer(integer)) }
          if let number = Double(cell), number.isFinite { return (column, .number(number)) }
          return (column, .string(cell))
        }, uniquingKeysWith: { first, _ in first }))
  }
}
