import Foundation

/// Between a form's parameters and what is fitted: positive parameters by their logarithm, those
/// that a gauge holds not at all.
struct Coordinates {
  let form: any LawForm.Type
  /// Indices of the parameters that are fitted.
  let free: [Int]
  private let specifications: [LawParameter]

  init(_ form: any LawForm.Type) {
    self.form = form
    specifications = form.parameters
    free = specifications.indices.filter { [specifications] in specifications[$0].gauge == nil }
  }

  var count: Int { free.count }
  var names: [String] { free.map { specifications[$0].name } }

  func coordinates(_ parameters: [Double]) -> [Double] {
    free.map { specifications[$0].isPositive ? log(parameters[$0]) : parameters[$0] }
  }

  func parameters(_ coordinates: [Double]) -> [Double] {
    var parameters = specifications.map { $0.gauge ?? 0 }
    for (index, parameter) in free.enumerated() {
      parameters[parameter] =
        specifications[parameter].isPositive ? exp(coordinates[index]) : coordinates[index]
    }
    return parameters
  }

  /// The derivative by each coordinate, from that by each parameter.
  func gradient(_ byParameter: [Double], _ parameters: [Double], into result: inout [Double]) {
    for (index, parameter) in free.enumerated() {
      result[index] =
        specifications[parameter].isPositive
        ? byParameter[parameter] * parameters[parameter] : byParameter[parameter]
    }
  }

  /// `√(gᵀ·C·g)`, with `g` given by parameters and `C` in coordinates.
  func standardError(
    _ byParameter: [Double], _ parameters: [Double], _ covariance: [[Double]]
  ) -> Double {
    var gradient = [Double](repeating: 0, count: count)
    self.gradient(byParameter, parameters, into: &gradient)
    var variance = 0.0
    for row in gradient.indices {
      for column in gradient.indices {
        variance += gradient[row] * covariance[row][column] * gradient[column]
      }
    }
    return max(0, variance).squareRoot()
  }

  /// The standard error of a free parameter's value, from that of its coordinate.
  func parameterError(
    ofFree index: Int, _ parameters: [Double], standardError: Double
  ) -> Double {
    let parameter = free[index]
    return specifications[parameter].isPositive
      ? parameters[parameter] * standardError : standardError
  }

  /// The 95% interval of one free parameter: symmetric in its coordinate.
  func interval(
    ofFree index: Int, _ parameters: [Double], standardError: Double, t: Double
  ) -> ClosedRange<Double> {
    let parameter = free[index]
    let value = parameters[parameter]
    guard specifications[parameter].isPositive else {
      return value - t * standardError...value + t * standardError
    }
    // A factor of e^300 either way says that nothing is known, and still is a number.
    let half = min(t * standardError, 300)
    return value * exp(-half)...value * exp(half)
  }
}
