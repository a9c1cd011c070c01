/// A rule that candidates must meet, such as `intermediate_size <= 4 * hidden_size`.
///
/// Quantities are numbers; comparisons give true or false, `and`, `or` and `not` join these.
public struct RuleExpression: Sendable {
  /// As the user wrote it.
  public let text: String
  let root: Condition

  /// - Throws: `InputError` that names the column.
  public init(_ text: String) throws {
    self.text = text
    root = try RuleParser.parse(text)
  }

  public func isMet(by shape: Shape) -> Bool { root.holds(shape) }

  /// How far a shape is from meeting the rule: of a plain comparison, the relative distance of its
  /// sides, 0 where it is met; of other rules 0 or 1.
  func violation(_ shape: Shape) -> Double {
    guard !root.holds(shape) else { return 0 }
    guard case .comparison(_, let left, let right) = root else { return 1 }
    let (first, second) = (left.value(shape), right.value(shape))
    let scale = max(abs(first), abs(second))
    return scale > 0 ? abs(first - second) / scale : 1
  }

  /// What both sides of a plain comparison are for a shape.
  func sides(_ shape: Shape) -> (left: Double, right: Double)? {
    guard case .comparison(_, let left, let right) = root else { return nil }
    return (left.value(shape), right.value(shape))
  }

  /// What gives a number.
  indirect enum Quantity: Sendable {
    case number(Double)
    case variable(RuleVariable)
    case negated(Quantity)
    case operation(Arithmetic, Quantity, Quantity)

    func value(_ shape: Shape) -> Double {
      switch self {
      case .number(let value): value
      case .variable(let variable): variable.value(shape)
      case .negated(let quantity): -quantity.value(shape)
      case .operation(let operation, let left, let right):
        operation.apply(left.value(shape), right.value(shape))
      }
    }
  }

  enum Arithmetic: Character, Sendable {
    case plus = "+"
    case minus = "-"
    case times = "*"
    case over = "/"
    case modulo = "%"

    func apply(_ left: Double, _ right: Double) -> Double {
      switch self {
      case .plus: left + right
      case .minus: left - right
      case .times: left * right
      case .over: left / right
      // By 0 this is NaN, which no comparison holds for.
      case .modulo: left.truncatingRemainder(dividingBy: right)
      }
    }
  }

  /// What is true or false.
  indirect enum Condition: Sendable {
    case comparison(Comparison, Quantity, Quantity)
    case not(Condition)
    case and(Condition, Condition)
    case or(Condition, Condition)

    func holds(_ shape: Shape) -> Bool {
      switch self {
      case .comparison(let comparison, let left, let right):
        comparison.holds(left.value(shape), right.value(shape))
      case .not(let condition): !condition.holds(shape)
      case .and(let first, let second): first.holds(shape) && second.holds(shape)
      case .or(let first, let second): first.holds(shape) || second.holds(shape)
      }
    }
  }

  enum Comparison: String, CaseIterable, Sendable {
    case atMost = "<="
    case atLeast = ">="
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case more = ">"

    func holds(_ left: Double, _ right: Double) -> Bool {
      switch self {
      case .atMost: left <= right
      case .atLeast: left >= right
      case .equal: left == right
      // A side that is no number makes no comparison hold.
      case .notEqual: left < right || left > right
      case .less: left < right
      case .more: left > right
      }
    }
  }
}

/// What rules can speak of.
enum RuleVariable: String, CaseIterable, Sendable {
  case hiddenSize = "hidden_size"
  case intermediateSize = "intermediate_size"
  case layers = "num_hidden_layers"
  case queryHeads = "num_attention_heads"
  case keyValueHeads = "num_key_value_heads"
  case headDimension = "head_dim"
  case gqa
  case parameters
  case mlpToAttentionRatio = "r"
  case normalizedHiddenSize = "x"

  func value(_ shape: Shape) -> Double {
    switch self {
    case .hiddenSize: Double(shape.hiddenSize)
    case .intermediateSize: Double(shape.intermediateSize)
    case .layers: Double(shape.layers)
    case .queryHeads: Double(shape.queryHeads)
    case .keyValueHeads: Double(shape.keyValueHeads)
    case .headDimension: Double(shape.headDimension)
    case .gqa: Double(shape.gqa)
    case .parameters: Double(shape.parameters)
    case .mlpToAttentionRatio: shape.mlpToAttentionRatio
    case .normalizedHiddenSize: shape.normalizedHiddenSize
    }
  }
}
