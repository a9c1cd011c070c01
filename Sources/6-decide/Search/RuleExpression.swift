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

  /// - Parameter context: what a shape alone does not say; a rule that speaks of it is not met
  ///   without.
  public func isMet(by shape: Shape, in context: RuleContext? = nil) -> Bool {
    root.holds(RuleSubject(shape: shape, context: context))
  }

  /// How far a shape is from meeting the rule: of a plain comparison, the relative distance of its
  /// sides, 0 where it is met; of other rules 0 or 1.
  func violation(_ subject: RuleSubject) -> Double {
    guard !root.holds(subject) else { return 0 }
    guard case .comparison(_, let left, let right) = root else { return 1 }
    let (first, second) = (left.value(subject), right.value(subject))
    let scale = max(abs(first), abs(second))
    return scale > 0 && scale.isFinite ? abs(first - second) / scale : 1
  }

  /// What both sides of a plain comparison are for a shape.
  func sides(_ subject: RuleSubject) -> (left: Double, right: Double)? {
    guard case .comparison(_, let left, let right) = root else { return nil }
    return (left.value(subject), right.value(subject))
  }

  /// What gives a number.
  indirect enum Quantity: Sendable {
    case number(Double)
    case variable(RuleVariable)
    case negated(Quantity)
    case operation(Arithmetic, Quantity, Quantity)

    func value(_ subject: RuleSubject) -> Double {
      switch self {
      case .number(let value): value
      case .variable(let variable): variable.value(subject)
      case .negated(let quantity): -quantity.value(subject)
      case .operation(let operation, let left, let right):
        operation.apply(left.value(subject), right.value(subject))
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

    func holds(_ subject: RuleSubject) -> Bool {
      switch self {
      case .comparison(let comparison, let left, let right):
        comparison.holds(left.value(subject), right.value(subject))
      case .not(let condition): !condition.holds(subject)
      case .and(let first, let second): first.holds(subject) && second.holds(subject)
      case .or(let first, let second): first.holds(subject) || second.holds(subject)
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
  /// Of these, what a token passes.
  case activeParameters = "active_parameters"
  /// Of a layer; 0 of a dense model, as are the next three.
  case experts
  case activeExperts = "active_experts"
  case sharedExperts = "shared_experts"
  case denseLayers = "dense_layers"
  case granularity
  case mlpToAttentionRatio = "r"
  case normalizedHiddenSize = "x"
  /// With embeddings, head, norms and biases.
  case totalParameters = "total_parameters"
  /// Of all weights.
  case weightGiB = "weight_gib"
  /// Of one device, in the scenario that needs most.
  case memoryGiB = "memory_gib"

  /// NaN, for which no comparison holds, where the context is needed and absent, and for the granularity
  /// of a dense model.
  func value(_ subject: RuleSubject) -> Double {
    let shape = subject.shape
    return switch self {
    case .hiddenSize: Double(shape.hiddenSize)
    case .intermediateSize: Double(shape.intermediateSize)
    case .layers: Double(shape.layers)
    case .queryHeads: Double(shape.queryHeads)
    case .keyValueHeads: Double(shape.keyValueHeads)
    case .headDimension: Double(shape.headDimension)
    case .gqa: Double(shape.gqa)
    case .parameters: Double(shape.parameters)
    case .activeParameters: Double(shape.activeParameters)
    case .experts: Double(shape.mixture.count)
    case .activeExperts: Double(shape.mixture.active)
    case .sharedExperts: Double(shape.mixture.shared)
    case .denseLayers: Double(shape.mixture.denseLayers)
    case .granularity: shape.granularity ?? .nan
    case .mlpToAttentionRatio: shape.mlpToAttentionRatio
    case .normalizedHiddenSize: shape.normalizedHiddenSize
    case .totalParameters: subject.context?.totalParameters(shape) ?? .nan
    case .weightGiB: subject.context.map { $0.weightBytes(shape) / 0x1p30 } ?? .nan
    case .memoryGiB: subject.context.map { $0.memoryBytes(shape) / 0x1p30 } ?? .nan
    }
  }
}
