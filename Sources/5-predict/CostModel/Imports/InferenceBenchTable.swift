import Input
import Model
import Records

/// Whole runs in the columns of argonne-lcf/LLM-Inference-Bench: fp16, as many tokens out as in.
public enum InferenceBenchTable {
  public static func recognizes(_ columns: [String]) -> Bool {
    columns.contains("input_output_length") && columns.contains("latency_s")
  }

  /// - Parameter architecture: finds a model by the name the table gives it.
  public static func rows(
    _ table: DelimitedText, architecture: (String) throws -> Architecture
  ) throws -> ImportedRows<WholeRun> {
    try ImportedRows(
      table,
      requiring: [
        "hardware", "framework", "model", "input_output_length", "batch_size", "latency_s",
      ]
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
        batch: batch, seconds: try row.seconds("latency_s", unit: 1),
        origin: "row \(row.line)")
    }
  }
}
