import Foundation
import Input
import Model

/// Why a design space holds nothing, and what would change that.
///
/// Every constraint is lifted but what makes sizes whole; then each shape is judged by each. The
/// constraint to blame is the one that alone stands between the most shapes and the space.
package struct EmptySpace {
  private struct Constraint {
    let name: String
    /// 0 where it is met; larger the further a shape is from it.
    let violation: (Shape) -> Double
    /// What to allow so that a shape meets it.
    let relaxation: (Shape) -> String
  }

  private let space: DesignSpace
  private let constraints: [Constraint]

  package init(_ space: DesignSpace) {
    self.space = space
    var constraints = [
      Constraint(
        name: "tolerance \(Self.percent(space.tolerance))"
          + (space.hasExperts ? " of \(space.budget) parameters" : ""),
        violation: { max(0, abs(space.excess($0)) - space.tolerance) },
        relaxation: {
          "tolerance \(Self.percent((abs(space.excess($0)) * 1e4).rounded(.up) / 1e4))"
        }),
      Constraint(
        name: space.gqa.description, violation: { space.gqa.allows($0.gqa) ? 0 : 1 },
        relaxation: { "max_gqa \($0.gqa)" }),
    ]
    if space.tensorParallel > 1 {
      constraints.append(
        Constraint(
          name: "tensor_parallel \(space.tensorParallel)",
          violation: { space.meetsTensorParallelism($0) ? 0 : 1 },
          relaxation: { _ in "tensor_parallel 1" }))
    }
    constraints += space.rules.map { rule in
      Constraint(
        name: "rule \"\(rule.text)\"",
        violation: { rule.violation(RuleSubject(shape: $0, context: space.context)) },
        relaxation: { shape in
          rule.sides(RuleSubject(shape: shape, context: space.context)).map {
            "\"\(rule.text)\" to hold for \(Self.number($0.left)) and \(Self.number($0.right))"
          } ?? "a rule that admits \(shape.name)"
        })
    }
    self.constraints = constraints
  }

  /// The error to throw.
  package func explanation() -> InputError {
    let count = constraints.count
    var sole = [Int](repeating: 0, count: count)
    var nearest = [(violation: Double, shape: Shape)?](repeating: nil, count: count)
    var closest: (failures: [Int], violation: Double, shape: Shape)?
    for column in space.columnsForDiagnosis {
      space.forEachShape(
        in: column, tolerance: space.tolerance, gqa: .unlimited, nearest: true
      ) { shape in
        guard abs(space.excess(shape)) <= SearchProblem.sizeTolerance else { return }
        let violations = constraints.map { $0.violation(shape) }
        let failures = violations.indices.filter { violations[$0] > 0 }
        let total = violations.reduce(0, +)
        if failures.count < closest?.failures.count ?? .max
          || failures.count == closest?.failures.count && total < closest?.violation ?? .infinity
        {
          closest = (failures, total, shape)
        }
        guard failures.count == 1, let only = failures.first else { return }
        sole[only] += 1
        if violations[only] < nearest[only]?.violation ?? .infinity {
          nearest[only] = (violations[only], shape)
        }
      }
    }
    guard let closest else {
      return InputError(
        "design space",
        problem: "is empty: no sizes in multiples of \(space.hiddenMultiple) and "
          + "\(space.intermediateMultiple)\(granularity) give \(Self.number(space.parameters)) "
          + "\(space.hasExperts ? "\(space.budget) " : "")parameters in "
          + "\(space.layers.map(String.init).joined(separator: ", ")) layers",
        expected: "smaller multiples, or another number of layers")
    }
    if let blamed = sole.indices.max(by: { sole[$0] < sole[$1] }), sole[blamed] > 0,
      let shape = nearest[blamed]?.shape
    {
      return InputError(
        "design space",
        problem: "is empty: \(constraints[blamed].name) excludes the last \(sole[blamed]) of its "
          + "architectures",
        expected: "\(constraints[blamed].relaxation(shape)), which admits \(shape.name)")
    }
    let names = closest.failures.map { constraints[$0].name }
    return InputError(
      "design space",
      problem: "is empty: no architecture meets all of "
        + constraints.map(\.name).joined(separator: ", "),
      expected: "without \(names.joined(separator: " and ")), \(closest.shape.name) is the nearest")
  }

  private var granularity: String {
    guard let values = space.experts.granularity else { return "" }
    return " and granularity " + values.map(Self.number).joined(separator: ", ")
  }

  private static func percent(_ share: Double) -> String {
    "\(number((share * 1e6).rounded() / 1e4))%"
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : String(format: "%.4g", value)
  }
}

extension DesignSpace {
  /// The columns, and one hidden size more, which a large multiple may leave as the only one.
  fileprivate var columnsForDiagnosis: [Column] {
    let columns = columns
    guard columns.isEmpty else { return columns }
    return self.columns { CollectionOfOne($0.hiddenSize) }
  }
}
