import Foundation
import Input
import Model

/// Training runs read from a CSV file: an architecture, tokens and the final loss a row.
public struct TrainingTable: Sendable {
  public struct Row: Sendable {
    /// In the file, the header being 1.
    public let line: Int
    public var point: TrainingPoint
    /// Nats per token.
    public var loss: Double

    public init(line: Int, point: TrainingPoint, loss: Double) {
      self.line = line
      self.point = point
      self.loss = loss
    }
  }

  /// For errors.
  public var name: String
  public var rows: [Row]
  /// Those of the file, for errors; empty where there is none.
  let columns: [String]

  public init(name: String, rows: [Row]) {
    self.name = name
    self.rows = rows
    columns = []
  }

  /// Columns that are read. An architecture is given by its sizes, by `config` (a zoo name or a
  /// path relative to the file) or, for laws that need less, by `parameters`, `hidden_size` and
  /// `num_hidden_layers`.
  public static let knownColumns =
    ["name", "variant", "config"] + architectureColumns
    + ["parameters", "experts", "tokens", "training_flop", "loss", "reference_loss"]
  static let architectureColumns = [
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim",
  ]
  /// Other spellings of columns: the symbols of the formulas.
  public static let synonyms = [
    "d": "hidden_size", "f": "intermediate_size", "L": "num_hidden_layers",
    "layers": "num_hidden_layers", "H": "num_attention_heads", "K": "num_key_value_heads",
    "e": "head_dim", "N": "parameters", "D": "tokens", "E": "experts",
  ]

  public init(contentsOf url: URL) throws {
    self = try within(url.path) {
      try TrainingTable(
        name: url.path, text: InputFile.table.text(at: url.path),
        folder: InputFile.folder(of: url.path))
    }
  }

  /// - Parameter folder: that `config` paths are relative to.
  public init(name: String, text: String, folder: URL) throws {
    let table = try DelimitedText(text)
    let columns = table.columns.map { Self.synonyms[$0] ?? $0 }
    for (index, column) in columns.enumerated() {
      guard Self.knownColumns.contains(column) else {
        throw InputError(
          "row 1", problem: "column \"\(column.prefix(60))\" is not known",
          expected: "columns among " + Self.knownColumns.joined(separator: ", "))
      }
      if let other = columns[..<index].firstIndex(of: column) {
        throw InputError(
          "row 1",
          problem: "columns \(table.columns[other]) and \(table.columns[index]) are the same",
          expected: "one of them")
      }
    }
    guard columns.contains("loss") else {
      throw InputError("row 1", problem: "column \"loss\" is missing", expected: "loss")
    }
    var configs: [String: Architecture] = [:]
    self.name = name
    self.columns = columns
    rows = try table.rows.map { line, cells in
      try within("row \(line)") {
        let row = Cells(
          cells: Dictionary(uniqueKeysWithValues: zip(columns, cells)),
          headings: Dictionary(uniqueKeysWithValues: zip(columns, table.columns)))
        var point = try row.point { config in
          if let known = configs[config] { return known }
          let architecture = try Zoo.resolve(config, below: folder)
          configs[config] = architecture
          return architecture
        }
        point.reference = try row.number("reference_loss") ?? .nan
        guard let loss = try row.number("loss") else {
          throw InputError("column loss", problem: "is empty", expected: "a positive number")
        }
        return Row(line: line, point: point, loss: loss)
      }
    }
    guard !rows.isEmpty else {
      throw InputError(problem: "has no rows", expected: "a training run a row")
    }
  }

  /// One row's cells by column.
  private struct Cells {
    let cells: [String: String]
    /// As the file spells them.
    let headings: [String: String]

    func heading(_ column: String) -> String { "column \(headings[column] ?? column)" }

    /// A positive number of sane size, whose square neither overflows nor vanishes; `nil` where the
    /// column is not there.
    func number(_ column: String) throws -> Double? {
      guard let cell = cells[column] else { return nil }
      let text = cell.trimmingCharacters(in: .whitespaces)
      guard let value = Double(text), (1e-30...1e30).contains(value) else {
        throw InputError(
          heading(column),
          problem: text.isEmpty ? "is empty" : "is \"\(text.prefix(40))\"",
          expected: "a positive number, 1e-30 to 1e30")
      }
      return value
    }

    func integer(_ column: String) throws -> Int? {
      guard let value = try number(column) else { return nil }
      guard let integer = Int(exactly: value) else {
        throw InputError(heading(column), problem: "is \(value)", expected: "an integer")
      }
      return integer
    }

    func point(_ resolve: (String) throws -> Architecture) throws -> TrainingPoint {
      var point = TrainingPoint(parameters: .nan)
      if let config = cells["config"] {
        point = TrainingPoint(
          try within("column config") {
            try resolve(config.trimmingCharacters(in: .whitespaces))
          })
      } else if let architecture = try architecture() {
        point = TrainingPoint(architecture)
      } else {
        point.parameters = try number("parameters") ?? .nan
        if let hiddenSize = try number("hidden_size") {
          point.normalizedHiddenSize = hiddenSize / point.parameters.squareRoot()
          if let layers = try integer("num_hidden_layers") {
            point.aspectRatio = hiddenSize / Double(layers)
          }
        }
      }
      if let experts = try number("experts") {
        guard experts >= 1 else {
          throw InputError(heading("experts"), problem: "is \(experts)", expected: "1 or more")
        }
        guard cells["config"] == nil else {
          throw InputError(
            heading("experts"), problem: "is given beside config, which says it",
            expected: "one of them")
        }
        point.experts = experts
      }
      if let tokens = try number("tokens") {
        point.tokens = tokens
        try checkBudget(point, "tokens")
      } else if let flops = try number("training_flop") {
        point.tokens = flops / (6 * point.parameters)
        try checkBudget(point, "training_flop")
      }
      return point
    }

    /// Refuses tokens of which a unit was left out; in a table they are numbers.
    ///
    /// - Parameter column: that they follow from.
    private func checkBudget(_ point: TrainingPoint, _ column: String) throws {
      guard point.parameters.isFinite else { return }
      do {
        try TrainingBudget.check(tokens: point.tokens, parameters: point.parameters)
      } catch let error as InputError {
        throw InputError(
          heading(column), problem: error.problem, expected: "0.01 to 1e6 tokens a parameter")
      }
    }

    private func architecture() throws -> Architecture? {
      guard let hiddenSize = try integer("hidden_size"),
        let layers = try integer("num_hidden_layers"),
        let intermediateSize = try integer("intermediate_size"),
        let queryHeads = try integer("num_attention_heads"),
        let keyValueHeads = try integer("num_key_value_heads"),
        let headDimension = try integer("head_dim")
      else { return nil }
      guard Architecture.layerCounts.contains(layers) else {
        throw InputError(
          heading("num_hidden_layers"), problem: "is \(layers)",
          expected: "1 to \(Architecture.layerCounts.upperBound)")
      }
      return try Architecture(
        name: "row", hiddenSize: hiddenSize, intermediateSize: intermediateSize, layers: layers,
        queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension,
        vocabularySize: 1
      ).validated()
    }
  }
}
