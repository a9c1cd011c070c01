import Foundation
import Input

/// Which numbers of query heads for a KV head a search may use.
///
/// Laws are blind to it: loss against GQA is irregular (arXiv 2510.18245, section 3.4), so without a
/// limit one KV head would always win.
public enum GQALimit: Sendable, Equatable {
  case atMost(Int)
  case unlimited
  /// Those that were trained and lost nothing against the baseline's.
  case measured(GQALosses)

  package func allows(_ gqa: Int) -> Bool {
    switch self {
    case .atMost(let limit): gqa <= limit
    case .unlimited: true
    case .measured(let losses): losses.accepted.contains(gqa)
    }
  }

  /// The most it allows of `heads` query heads.
  func largest(of heads: Int) -> Int {
    switch self {
    case .atMost(let limit): min(limit, heads)
    case .unlimited: heads
    case .measured(let losses): min(losses.accepted.max() ?? 1, heads)
    }
  }

  /// Whether a training run says that this GQA costs no loss.
  public func isVerified(_ gqa: Int) -> Bool {
    if case .measured(let losses) = self { return losses.accepted.contains(gqa) }
    return false
  }

  var description: String {
    switch self {
    case .atMost(let limit): "max_gqa \(limit)"
    case .unlimited: "max_gqa free"
    case .measured: "gqa_losses"
    }
  }
}

/// Losses that were measured at several GQA, and where the local search of arXiv 2510.18245
/// (algorithm 1) stops.
public struct GQALosses: Sendable, Equatable {
  public struct Row: Sendable, Equatable {
    public let gqa: Int
    /// Nats per token.
    public let loss: Double
    /// Whether the local search accepts it.
    public let isAccepted: Bool
  }

  /// By GQA, ascending.
  public let rows: [Row]
  /// The GQA that the others are held against.
  public let baseline: Int

  public var accepted: [Int] { rows.filter(\.isAccepted).map(\.gqa) }

  /// Walks from the baseline's GQA upwards and stops early: the first GQA whose loss exceeds the
  /// baseline's, and every larger one, is refused. Smaller ones than the baseline's are accepted:
  /// they keep more of the keys and values.
  ///
  /// - Throws: where `baseline` is not among the rows.
  public init(_ losses: [(gqa: Int, loss: Double)], baseline: Int) throws {
    guard let reference = losses.first(where: { $0.gqa == baseline }) else {
      throw InputError(
        problem: "has no loss at GQA \(baseline), the baseline's", expected: "a row for it")
    }
    self.baseline = baseline
    var stopped = false
    rows = losses.sorted { $0.gqa < $1.gqa }.map { row in
      if row.gqa > baseline, row.loss > reference.loss { stopped = true }
      return Row(gqa: row.gqa, loss: row.loss, isAccepted: row.gqa <= baseline || !stopped)
    }
  }

  /// Reads a CSV file with the columns `gqa` and `loss`.
  public init(contentsOf url: URL, baseline: Int) throws {
    self = try within(url.path) {
      let table = try DelimitedText(InputFile.table.text(at: url.path))
      func column(_ name: String) throws -> Int {
        guard let index = table.columns.firstIndex(of: name) else {
          throw InputError(
            "row 1", problem: "column \"\(name)\" is missing", expected: "columns gqa and loss")
        }
        return index
      }
      let (gqaColumn, lossColumn) = (try column("gqa"), try column("loss"))
      var losses: [(gqa: Int, loss: Double)] = []
      for (line, cells) in table.rows {
        func cell(_ index: Int) -> String { cells[index].trimmingCharacters(in: .whitespaces) }
        guard let gqa = Int(cell(gqaColumn)), (1...1024).contains(gqa) else {
          throw InputError(
            "row \(line)", "column gqa", problem: "is \"\(cell(gqaColumn).prefix(40))\"",
            expected: "1 to 1024")
        }
        guard let loss = Double(cell(lossColumn)), loss > 0, loss.isFinite else {
          throw InputError(
            "row \(line)", "column loss", problem: "is \"\(cell(lossColumn).prefix(40))\"",
            expected: "a positive number")
        }
        guard !losses.contains(where: { $0.gqa == gqa }) else {
          throw InputError("row \(line)", problem: "GQA \(gqa) is there twice", expected: "once")
        }
        losses.append((gqa, loss))
      }
      return try GQALosses(losses, baseline: baseline)
    }
  }
}
