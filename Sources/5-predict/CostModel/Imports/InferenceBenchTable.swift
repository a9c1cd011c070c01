import Foundation
import Input
import Model
import Records

/// Whole runs in the columns of argonne-lcf/LLM-Inference-Bench: fp16, as many tokens out as in. Its own
/// header (`Num of Hardware`, `Input Output Length`, …) or the same in snake case.
public enum InferenceBenchTable {
  public static func recognizes(_ columns: [String]) -> Bool {
    let names = columns.map(name)
    return names.contains("input_output_length")
      && (names.contains("latency_s") || names.contains("throughput_tok_s"))
  }

  /// A column's name as the rows are read by.
  private static func name(_ column: String) -> String {
    let words = column.trimmingCharacters(in: .whitespaces).lowercased()
      .replacingOccurrences(of: " ", with: "_")
    switch words {
    case "num_of_hardware": return "num_hardware"
    case "latency": return "latency_s"
    case "throughput": return "throughput_tok_s"
    default: return words
    }
  }

  /// How far latency and throughput of a row may disagree: both are rounded.
  private static let tolerance = 0.05

  /// - Parameter architecture: finds a model by the name the table gives it.
  public static func rows(
    _ table: DelimitedText, architecture: (String) throws -> Architecture
  ) throws -> ImportedRows<WholeRun> {
    let table = table.renamed(name)
    guard Set(table.columns).count == table.columns.count else {
      throw InputError(
        "row 1", problem: "names a column twice", expected: "each column once")
    }
    return try ImportedRows(
      table,
      requiring: ["hardware", "framework", "model", "input_output_length", "batch_size"]
    ) { row in
      let most = WholeRun.counts.upperBound
      let length = try row.count("input_output_length", atMost: most)
      let batch = try row.count("batch_size", atMost: WholeRun.batches.upperBound)
      try WholeRun.requireSane(depth: 0, prompt: length, generate: length, batch: batch)
      let devices =
        try row.optionalText("num_hardware") == nil
        ? 1 : try row.count("num_hardware", atMost: 1024)
      return WholeRun(
        // The table's engines are those of 2024, whose kernels and schedulers are not today's.
        device: try row.text("hardware"), engine: try row.text("framework").lowercased() + "-2024",
        architecture: try architecture(try row.text("model")), weights: .f16, cache: .f16,
        devices: devices, prompt: length, generate: length,
        batch: batch, seconds: try seconds(row, tokens: 2 * Double(length) * Double(batch)),
        origin: "row \(row.line)")
    }
  }

  /// The latency; without one, what the throughput of all tokens makes of it. Where both are given and
  /// are of different runs, the row is refused.
  private static func seconds(_ row: ImportedRow, tokens: Double) throws -> Double {
    guard try row.optionalText("latency_s") != nil else {
      let seconds = tokens / (try row.positive("throughput_tok_s"))
      guard (1e-9...86_400).contains(seconds) else {
        throw InputError(
          "throughput_tok_s", problem: "makes it \(seconds) s", expected: "1 ns to 1 day")
      }
      return seconds
    }
    let seconds = try row.seconds("latency_s", unit: 1)
    guard try row.optionalText("throughput_tok_s") != nil else { return seconds }
    let expected = tokens / (try row.positive("throughput_tok_s"))
    guard abs(log(seconds / expected)) <= tolerance else {
      throw InputError(
        "latency_s", problem: "is \(seconds) s",
        expected: "\(expected) s, as the row's throughput says")
    }
    return seconds
  }
}
